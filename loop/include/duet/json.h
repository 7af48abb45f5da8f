/* Strict JSON, read in place: no tree, no copies, no numbers rounded.
 *
 *     duet_bytes name;
 *     char *text;
 *     if (duet_json_check(body) == 0 && duet_json_find(body, "user.names.0", &name) == 0 &&
 *         duet_json_text(name, &text, NULL) == 0)
 *             puts(text);                     // free(text)
 *
 * Strict is RFC 8259 in UTF-8 and nothing else: no byte order mark, no bytes behind the value, no
 * NaN, 01 or 1., no raw control bytes in strings, at most 64 levels.  Escaped lone surrogates are
 * grammatical, so they pass; duet_json_text turns each into U+FFFD.
 *
 * None of these calls suspends; any thread. */
#ifndef DUET_JSON_H
#define DUET_JSON_H

#include <duet/api.h>
#include <duet/bytes.h>

#define DUET_JSON_DEPTH 64

DUET_BEGIN_DECLS

/* -> 0, DUET_EJSON (the words say what is wrong, at which byte) */
DUET_API int duet_json_check(duet_bytes text);

/* Finds a value by its path: names and indices joined by '.' ("choices.0.message"); "" is the
 * whole.  Of a name that occurs twice the last counts, as in most other languages.  text must have
 * passed duet_json_check.  Sets *value to the bytes of the value, inside text.
 * -> 0, -ENOENT */
DUET_API int duet_json_find(duet_bytes text, const char *path, duet_bytes *value);

/* The value of a JSON string, decoded, on the heap (free), NUL-terminated behind *len.  len may be
 * NULL.  -> 0, -EINVAL (value is no string), -ENOMEM */
DUET_API int duet_json_text(duet_bytes value, char **text, size_t *len);

/* The value of a JSON number that is an integer.  -> 0, -EINVAL (no number), -ERANGE (a fraction,
 * or beyond 64 bits) */
DUET_API int duet_json_int(duet_bytes value, int64_t *number);

/* Makes *out the JSON string of text, quotes included.  -> 0, DUET_EJSON (text is no UTF-8),
 * -ENOMEM */
DUET_API int duet_json_quote(duet_bytes text, duet_buf *out);

DUET_END_DECLS

#endif
