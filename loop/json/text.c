/* Strings and numbers out of text that the scanner has passed. */
#include "loop/core/fail.h"
#include "loop/json/utf8.h"

#include <duet/json.h>
#include <stdlib.h>
#include <string.h>

enum { REPLACEMENT = 0xfffd };

static unsigned hex4(const char *p)
{
	unsigned code = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];

		code = code << 4 | (c <= '9' ? c - 0x30u : (c | 0x20u) - 0x61u + 10);
	}
	return code;
}

static bool is_low_surrogate(const char *p, const char *end)
{
	return end - p >= 6 && p[0] == '\\' && p[1] == 'u' && (hex4(p + 2) & 0xfc00) == 0xdc00;
}

/* p behind "\u".  -> the code point; *p moves behind it, and behind the other half of a pair */
static unsigned decode_unicode(const char **p, const char *end)
{
	unsigned code = hex4(*p);

	*p += 4;
	if ((code & 0xf800) != 0xd800)
		return code;
	if ((code & 0xfc00) == 0xdc00 || !is_low_surrogate(*p, end))
		return REPLACEMENT;
	code = 0x10000 + ((code & 0x3ff) << 10 | (hex4(*p + 2) & 0x3ff));
	*p += 6;
	return code;
}

static char decode_letter(char c)
{
	switch (c) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

/* Never longer than what it comes from. */
static char *decode(const char *p, const char *end, char *out)
{
	while (p < end) {
		const char *escape = memchr(p, '\\', (size_t)(end - p));
		size_t n = (size_t)((escape != NULL ? escape : end) - p);

		memcpy(out, p, n);
		out += n;
		p += n;
		if (escape == NULL)
			break;
		p += 2;
		if (p[-1] == 'u')
			out += duet__utf8_put(out, decode_unicode(&p, end));
		else
			*out++ = decode_letter(p[-1]);
	}
	return out;
}

int duet_json_text(duet_bytes value, char **text, size_t *len)
{
	const char *p = value.data;
	char *out, *end;

	if (value.len < 2 || p[0] != '"' || text == NULL)
		return duet__failf(DUET_EINVAL, "the JSON value is no string");
	out = malloc(value.len);
	if (out == NULL)
		return duet__fail(DUET_ENOMEM);
	end = decode(p + 1, p + value.len - 1, out);
	*end = '\0';
	*text = out;
	if (len != NULL)
		*len = (size_t)(end - out);
	return 0;
}

int duet_json_int(duet_bytes value, int64_t *number)
{
	const char *p = value.data, *end = p + value.len;
	bool negative = value.len > 0 && *p == '-';
	int64_t n = 0;

	p += negative;
	if (p >= end || *p < '0' || *p > '9' || number == NULL)
		return duet__failf(DUET_EINVAL, "the JSON value is no number");
	for (; p < end; p++) {
		int digit = *p - '0';

		/* counted below zero, where there is room for one more */
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_sub_overflow(n, digit, &n))
			return duet__failf(-ERANGE, "the JSON number is no 64-bit integer");
	}
	if (!negative && n == INT64_MIN)
		return duet__failf(-ERANGE, "the JSON number is no 64-bit integer");
	*number = negative ? n : -n;
	return 0;
}
