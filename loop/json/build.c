#include "loop/json/build.h"

#include "loop/core/fail.h"
#include "loop/json/utf8.h"
#include <duet/json.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool make_room(duet__build *b, size_t n)
{
	size_t room = b->room == 0 ? 256 : b->room;
	char *grown;

	if (b->error != 0)
		return false;
	if (n >= SIZE_MAX / 2 - b->len) {
		b->error = DUET_ENOMEM;
		return false;
	}
	while (room < b->len + n + 1)
		room *= 2;
	if (room == b->room)
		return true;
	grown = realloc(b->data, room);
	if (grown == NULL) {
		b->error = DUET_ENOMEM;
		return false;
	}
	b->data = grown;
	b->room = room;
	return true;
}

void duet__build_raw(duet__build *b, const void *data, size_t n)
{
	if (n == 0 || !make_room(b, n))
		return;
	memcpy(b->data + b->len, data, n);
	b->len += n;
}

void duet__build_text(duet__build *b, const char *text)
{
	duet__build_raw(b, text, strlen(text));
}

/* A byte that needs an escape. */
static void escape(duet__build *b, unsigned char c)
{
	static const char letters[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
	const char *letter = c != '\0' ? strchr(letters, c) : NULL;
	char text[8];

	if (letter != NULL)
		snprintf(text, sizeof(text), "\\%c", names[letter - letters]);
	else
		snprintf(text, sizeof(text), "\\u%04x", c);
	duet__build_text(b, text);
}

void duet__build_quoted(duet__build *b, duet_bytes text)
{
	const unsigned char *p = text.data, *end = p + text.len;

	duet__build_raw(b, "\"", 1);
	while (p < end && b->error == 0) {
		size_t n = duet__plain_length(p, (size_t)(end - p));

		duet__build_raw(b, p, n);
		p += n;
		if (p == end)
			break;
		if (*p < 0x7f) {
			escape(b, *p++);
			continue;
		}
		n = *p == 0x7f ? 1 : duet__utf8_length(p, (size_t)(end - p));
		if (n == 0)
			b->error = DUET_EJSON;
		duet__build_raw(b, p, n);
		p += n;
	}
	duet__build_raw(b, "\"", 1);
}

void duet__build_int(duet__build *b, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	duet__build_text(b, text);
}

void duet__build_double(duet__build *b, double x)
{
	char text[32], *comma;

	snprintf(text, sizeof(text), "%.15g", x);
	if ((comma = strchr(text, ',')) != NULL)
		*comma = '.';
	duet__build_text(b, text);
}

int duet__build_end(duet__build *b, duet_buf *out)
{
	if (make_room(b, 0)) {
		b->data[b->len] = '\0';
		*out = (duet_buf){.data = b->data, .len = b->len};
		return 0;
	}
	free(b->data);
	return b->error == DUET_EJSON ? duet__failf(DUET_EJSON, "the text is not UTF-8")
				      : duet__fail(b->error);
}

int duet_json_quote(duet_bytes text, duet_buf *out)
{
	duet__build b = {0};

	duet__build_quoted(&b, text);
	return duet__build_end(&b, out);
}
