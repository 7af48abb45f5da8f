#include "tools/input/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 64 * 1024, SHOWN = 200 };

/* Makes room behind what is unread.  -> 0, -ENOMEM */
static int make_room(struct lines *l)
{
	size_t size = l->size > 0 ? 2 * l->size : FIRST_SIZE;
	char *buf;

	if (l->start > 0 && l->start >= l->size / 2) {
		memmove(l->buf, l->buf + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
	}
	if (l->end < l->size)
		return 0;
	buf = realloc(l->buf, size);
	if (buf == NULL)
		return -ENOMEM;
	l->buf = buf;
	l->size = size;
	return 0;
}

/* -> 1, 0 = the end, < 0 */
static int fill(struct lines *l)
{
	ssize_t n;
	int r;

	if (l->is_over)
		return 0;
	if ((r = make_room(l)) < 0)
		return r;
	n = l->read(l->context, l->buf + l->end, l->size - l->end);
	if (n < 0)
		return (int)n;
	l->is_over = n == 0;
	l->end += (size_t)n;
	return n > 0;
}

static void consume(struct lines *l, size_t n)
{
	l->start += n;
	l->offset += n;
	if (l->start == l->end)
		l->start = l->end = 0;
}

/* Reads past the rest of a line over the cap, keeping what fits into `kept`. */
static int skip_rest(struct lines *l)
{
	for (;;) {
		char *from = l->buf + l->start, *newline;
		int r;

		newline = memchr(from, '\n', l->end - l->start);
		if (newline != NULL) {
			consume(l, (size_t)(newline - from) + 1);
			return 1;
		}
		consume(l, l->end - l->start);
		if ((r = fill(l)) <= 0)
			return r < 0 ? r : 1;
	}
}

static int give_long(struct lines *l, struct line *out)
{
	static _Thread_local char shown[SHOWN];
	int r;

	size_t there = l->end - l->start, len = there < SHOWN ? there : SHOWN;

	memcpy(shown, l->buf + l->start, len);
	*out = (struct line){shown, len, ++l->number, l->offset, true};
	if ((r = skip_rest(l)) < 0)
		return r;
	return 1;
}

static int drop_mark(struct lines *l)
{
	while (l->end - l->start < 3) {
		int r = fill(l);
		if (r < 0)
			return r;
		if (r == 0)
			return 0;
	}
	if (memcmp(l->buf + l->start, "\xef\xbb\xbf", 3) == 0)
		consume(l, 3);
	return 0;
}

static int give(struct lines *l, size_t len, size_t taken, struct line *out)
{
	const char *data = l->buf + l->start;

	if (len > 0 && data[len - 1] == '\r')
		len--;
	*out = (struct line){data, len, ++l->number, l->offset, false};
	l->start += taken;
	l->offset += taken;
	return 1;
}

/* A line of so many bytes, of which a last CR does not count. */
static bool is_too_long(const struct lines *l, size_t len)
{
	size_t most = l->most > 0 ? l->most : LINES_MOST;

	return len - (len > 0 && l->buf[l->start + len - 1] == '\r') > most;
}

int lines_next(struct lines *l, struct line *out)
{
	size_t seen = 0;
	int r;

	if (l->number == 0 && l->offset == 0 && (r = drop_mark(l)) < 0)
		return r;
	if (l->start == l->end)
		l->start = l->end = 0;
	for (;;) {
		char *from = l->buf + l->start, *newline = NULL;
		size_t there = l->end - l->start;

		if (there > seen)
			newline = memchr(from + seen, '\n', there - seen);
		if (is_too_long(l, newline != NULL ? (size_t)(newline - from) : there))
			return give_long(l, out);
		if (newline != NULL)
			return give(l, (size_t)(newline - from), (size_t)(newline - from) + 1, out);
		seen = there;
		if ((r = fill(l)) < 0)
			return r;
		if (r == 0)
			return there > 0 ? give(l, there, there, out) : 0;
	}
}

void lines_free(struct lines *l)
{
	free(l->buf);
	l->buf = NULL;
	l->start = l->end = l->size = 0;
}
