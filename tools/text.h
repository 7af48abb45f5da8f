/* Pure: text that grows, JSON that is written, and the little hashing around it. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <duet/bytes.h>
#include <stdio.h>

/* {0} is empty.  Once memory has run out, is_short stays set and nothing more is added, so that
 * only the end needs to be checked.  NUL-terminated behind len unless empty. */
struct text {
	char *data;
	size_t len, size;
	bool is_short;
};

void text_add(struct text *t, const void *data, size_t len);
void text_puts(struct text *t, const char *words);
void text_printf(struct text *t, const char *format, ...) DUET_PRINTF(2, 3);
void text_free(struct text *t); /* and clears */

/* A JSON string; what is no UTF-8 becomes U+FFFD. */
void text_quote(struct text *t, const void *data, size_t len);
/* Checked JSON on one line: line ends in it can only be white space, and are left out. */
void text_json(struct text *t, duet_bytes json);

/* Printable on any terminal: control bytes as \xNN, what is no UTF-8 too; at most `most` bytes. */
void text_show(struct text *t, const void *data, size_t len, size_t most);

/* -> length of the UTF-8 character at p, 0 = none there */
size_t text_utf8(const unsigned char *p, size_t len);
bool text_is_utf8(duet_bytes text);

/* Well mixed 64 bits; start with 0 and go on with what came out.  A length is hashed along, so
 * that parts cannot run into each other. */
uint64_t text_hash(uint64_t h, const void *data, size_t len);
uint64_t text_mix(uint64_t h);
uint32_t text_crc32(uint32_t crc, const void *data, size_t len); /* start with 0 */

#endif
