/* JSON text put together piece by piece.  An error sticks: look at it once, at the end.
 *
 *     duet__build b = {0};
 *     duet__build_text(&b, "{\"model\":");
 *     duet__build_quoted(&b, DUET_STR(model));
 *     duet__build_text(&b, "}");
 *     r = duet__build_end(&b, &body);           // gives the memory to body, or frees it
 */
#ifndef DUET_JSON_BUILD_H
#define DUET_JSON_BUILD_H

#include <duet/bytes.h>

typedef struct duet__build {
	char *data;
	size_t len, room;
	int error; /* -ENOMEM, DUET_EJSON: a text was not UTF-8 */
} duet__build;

void duet__build_raw(duet__build *b, const void *data, size_t n);
void duet__build_text(duet__build *b, const char *text);
void duet__build_quoted(duet__build *b, duet_bytes text);
void duet__build_int(duet__build *b, int64_t n);
void duet__build_double(duet__build *b, double x); /* finite; no locale's decimal comma */

/* -> 0 and *out set, or the first error */
int duet__build_end(duet__build *b, duet_buf *out);

#endif
