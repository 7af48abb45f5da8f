/* Pure: UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef DUET_JSON_UTF8_H
#define DUET_JSON_UTF8_H

#include <duet/api.h>

/* Bytes of the sequence that begins with p[0] >= 0x80; 0 = it is not valid, or is cut off. */
size_t duet__utf8_length(const unsigned char *p, size_t n);

/* Writes code (at most U+10FFFF) to out. -> bytes written, at most 4 */
size_t duet__utf8_put(char *out, unsigned code);

/* How many bytes from p on need no look: no control byte, no quote, no backslash, no byte above
 * 0x7e. */
size_t duet__plain_length(const unsigned char *p, size_t n);

#endif
