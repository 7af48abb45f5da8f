#include "tools/text.h"

#include <stdarg.h>
#include <stdlib.h>

/* --- growing --- */

static bool make_room(struct text *t, size_t len)
{
	size_t size = t->size > 0 ? t->size : 128;
	char *data;

	if (t->is_short)
		return false;
	if (t->len + len < t->size)
		return true;
	while (size <= t->len + len)
		size *= 2;
	data = realloc(t->data, size);
	if (data == NULL) {
		t->is_short = true;
		return false;
	}
	t->data = data;
	t->size = size;
	return true;
}

void text_add(struct text *t, const void *data, size_t len)
{
	if (!make_room(t, len))
		return;
	if (len > 0)
		memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = '\0';
}

void text_puts(struct text *t, const char *words)
{
	text_add(t, words, strlen(words));
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list list, again;
	int n;

	va_start(list, format);
	va_copy(again, list);
	n = vsnprintf(NULL, 0, format, list);
	if (n >= 0 && make_room(t, (size_t)n)) {
		vsnprintf(t->data + t->len, (size_t)n + 1, format, again);
		t->len += (size_t)n;
	}
	va_end(again);
	va_end(list);
}

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}

/* --- UTF-8 --- */

size_t text_utf8(const unsigned char *p, size_t len)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t len;
	} forms[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
		     {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		     {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		     {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		     {0xf4, 0xf4, 0x80, 0x8f, 4}};

	if (len == 0)
		return 0;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (p[0] < forms[i].first || p[0] > forms[i].last)
			continue;
		if (forms[i].len > len)
			return 0;
		if (forms[i].len > 1 && (p[1] < forms[i].low || p[1] > forms[i].high))
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

bool text_is_utf8(duet_bytes text)
{
	const unsigned char *p = text.data;

	for (size_t at = 0, n; at < text.len; at += n)
		if ((n = text_utf8(p + at, text.len - at)) == 0)
			return false;
	return true;
}

/* --- JSON --- */

static void quote_special(struct text *t, unsigned char c)
{
	static const char names[] = "btn\0fr"; /* 8 to 13; 11 has none */

	if (c >= 8 && c <= 13 && c != 11)
		text_printf(t, "\\%c", names[c - 8]);
	else if (c == '"' || c == '\\')
		text_printf(t, "\\%c", c);
	else
		text_printf(t, "\\u%04x", c);
}

void text_quote(struct text *t, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t at = 0, plain = 0, n;

	text_add(t, "\"", 1);
	for (; at<len; at += n> 0 ? n : 1) {
		n = text_utf8(p + at, len - at);
		if (n > 1 || (n == 1 && p[at] >= 0x20 && p[at] != '"' && p[at] != '\\'))
			continue;
		text_add(t, p + plain, at - plain);
		plain = at + 1;
		if (n == 0)
			text_puts(t, "\xef\xbf\xbd");
		else
			quote_special(t, p[at]);
	}
	if (at > plain)
		text_add(t, p + plain, at - plain);
	text_add(t, "\"", 1);
}

void text_json(struct text *t, duet_bytes json)
{
	const char *p = json.data, *end = p + json.len;

	while (p < end) {
		size_t n = 0;

		while (p + n < end && p[n] != '\n' && p[n] != '\r')
			n++;
		text_add(t, p, n);
		p += n < (size_t)(end - p) ? n + 1 : n;
	}
}

void text_show(struct text *t, const void *data, size_t len, size_t most)
{
	const unsigned char *p = data;

	for (size_t at = 0, n; at<len; at += n> 0 ? n : 1) {
		if (at >= most) {
			text_puts(t, "...");
			return;
		}
		n = text_utf8(p + at, len - at);
		/* C1 controls are two bytes of UTF-8: 0xc2 0x80 to 0x9f */
		bool is_control = (n == 1 && (p[at] < 0x20 || p[at] == 0x7f)) ||
				  (n == 2 && p[at] == 0xc2 && p[at + 1] < 0xa0);
		if (n > 0 && !is_control)
			text_add(t, p + at, n);
		else
			for (size_t k = 0; k < (n > 0 ? n : 1); k++)
				text_printf(t, "\\x%02x", p[at + k]);
	}
}

/* --- hashes --- */

uint64_t text_mix(uint64_t h)
{
	h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
	return h ^ h >> 31;
}

uint64_t text_hash(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t word;

	h = text_mix(h ^ (len + UINT64_C(0x9e3779b97f4a7c15)));
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = text_mix(h ^ word) + UINT64_C(0x9e3779b97f4a7c15);
	}
	word = 0;
	if (len > 0)
		memcpy(&word, p, len);
	return text_mix(h ^ word);
}

/* What a byte does to the crc, and the same with one to seven bytes of zero behind it. */
static uint32_t crc_tables[8][256];

static void make_crc_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ UINT32_C(0xedb88320) : c >> 1;
		crc_tables[0][i] = c;
	}
	for (int t = 1; t < 8; t++)
		for (int i = 0; i < 256; i++) {
			uint32_t c = crc_tables[t - 1][i];

			crc_tables[t][i] = c >> 8 ^ crc_tables[0][c & 0xff];
		}
}

uint32_t text_crc32(uint32_t crc, const void *data, size_t len)
{
	const uint32_t(*table)[256] = (const uint32_t(*)[256])crc_tables;
	const unsigned char *p = data;

	if (table[0][1] == 0)
		make_crc_tables();
	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		       (uint32_t)p[3] << 24;
		crc = table[7][crc & 0xff] ^ table[6][crc >> 8 & 0xff] ^
		      table[5][crc >> 16 & 0xff] ^ table[4][crc >> 24] ^ table[3][p[4]] ^
		      table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
	}
	while (len-- > 0)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}
