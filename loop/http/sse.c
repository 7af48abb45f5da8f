#include "loop/http/sse.h"

#include <duet/error.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1024 * 1024, EVENT_MAX_BYTES = 16 * 1024 * 1024 };

static int append(duet__sse_text *t, const char *data, size_t n)
{
	size_t room = t->room == 0 ? 256 : t->room;
	char *grown;

	while (room < t->len + n + 1)
		room *= 2;
	if (room != t->room) {
		grown = realloc(t->data, room);
		if (grown == NULL)
			return DUET_ENOMEM;
		t->data = grown;
		t->room = room;
	}
	memcpy(t->data + t->len, data, n);
	t->len += n;
	t->data[t->len] = '\0';
	return 0;
}

static int assign(duet__sse_text *t, const char *data, size_t n)
{
	t->len = 0;
	return append(t, data, n);
}

static const char *text_or(const duet__sse_text *t, const char *otherwise)
{
	return t->len > 0 ? t->data : otherwise;
}

/* Only digits count; more of them than fit count as none. */
static void set_retry(duet__sse *p, const char *value, size_t n)
{
	int64_t ms = 0;

	if (n == 0 || n > 15)
		return;
	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9')
			return;
		ms = ms * 10 + (value[i] - '0');
	}
	p->retry_ms = ms + 1;
}

static int add_data(duet__sse *p, const char *value, size_t n)
{
	int r;

	if (p->data.len + n >= EVENT_MAX_BYTES)
		return DUET_EPROTO;
	if ((r = append(&p->data, value, n)) < 0)
		return r;
	return append(&p->data, "\n", 1);
}

static int set_field(duet__sse *p, const char *name, size_t name_len, const char *value, size_t n)
{
#define IS(word) (name_len == sizeof(word) - 1 && memcmp(name, word, name_len) == 0)
	if (IS("data"))
		return add_data(p, value, n);
	if (IS("event"))
		return assign(&p->event, value, n);
	if (IS("id"))
		return memchr(value, '\0', n) == NULL ? assign(&p->id, value, n) : 0;
	if (IS("retry"))
		set_retry(p, value, n);
	return 0;
#undef IS
}

/* A line that is not empty, without its end. */
static int take_field(duet__sse *p, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	const char *value;

	if (colon == line)
		return 0; /* a comment */
	if (colon == NULL)
		return set_field(p, line, n, "", 0);
	value = colon + 1;
	if (value < line + n && *value == ' ')
		value++;
	return set_field(p, line, (size_t)(colon - line), value, (size_t)(line + n - value));
}

static void give(duet__sse *p, duet_sse_event *out)
{
	p->data.data[--p->data.len] = '\0'; /* the last line's '\n' */
	p->given = true;
	*out = (duet_sse_event){
		.event = text_or(&p->event, "message"),
		.id = text_or(&p->id, ""),
		.data = p->data.data,
		.len = p->data.len,
		.retry_ms = p->retry_ms - 1,
	};
}

/* -> 1 = it ended an event */
static int take_line(duet__sse *p, const char *line, size_t n, duet_sse_event *out)
{
	if (n > LINE_MAX_BYTES)
		return DUET_EPROTO;
	if (n > 0)
		return take_field(p, line, n);
	if (p->data.len > 0) {
		give(p, out);
		return 1;
	}
	p->event.len = 0;
	return 0;
}

/* The whole line: what earlier pieces brought, and this. */
static int end_line(duet__sse *p, const char *data, size_t n, duet_sse_event *out)
{
	int r;

	if (p->line.len == 0)
		return take_line(p, data, n, out);
	if (p->line.len + n > LINE_MAX_BYTES)
		return DUET_EPROTO;
	if ((r = append(&p->line, data, n)) < 0)
		return r;
	r = take_line(p, p->line.data, p->line.len, out);
	p->line.len = 0;
	return r;
}

static int keep_part(duet__sse *p, const char *data, size_t n)
{
	if (p->line.len + n > LINE_MAX_BYTES)
		return DUET_EPROTO;
	return n > 0 ? append(&p->line, data, n) : 0;
}

/* Passes over a byte order mark at the very start, which may come in pieces.
 * -> bytes to skip, -ENOMEM */
static int skip_mark(duet__sse *p, const char *data, size_t n)
{
	static const char mark[] = "\xef\xbb\xbf";
	unsigned before = p->started;
	size_t i = 0;

	while (i < n && p->started < 3 && data[i] == mark[p->started]) {
		p->started++;
		i++;
	}
	if (p->started < 3 && i == n)
		return (int)i;
	if (p->started == 3) {
		p->started = 4;
		return (int)i;
	}
	/* No mark after all: what looked like one in earlier pieces begins the first line. */
	p->started = 4;
	return append(&p->line, mark, before);
}

static const char *find_line_end(const char *at, size_t n)
{
	const char *lf = memchr(at, '\n', n);
	const char *cr = memchr(at, '\r', lf != NULL ? (size_t)(lf - at) : n);

	return cr != NULL ? cr : lf;
}

static void forget_given(duet__sse *p)
{
	if (!p->given)
		return;
	p->given = false;
	p->data.len = p->event.len = 0;
}

/* The next line, or what there is of it.  -> bytes read, and *r as of feed */
static size_t read_line(duet__sse *p, const char *at, size_t n, int *r, duet_sse_event *out)
{
	size_t skip = p->after_cr && *at == '\n';
	const char *stop;

	p->after_cr = false;
	if (skip == n)
		return n;
	stop = find_line_end(at + skip, n - skip);
	if (stop == NULL) {
		*r = keep_part(p, at + skip, n - skip);
		return n;
	}
	*r = end_line(p, at + skip, (size_t)(stop - at) - skip, out);
	p->after_cr = *stop == '\r';
	return (size_t)(stop - at) + 1;
}

int duet__sse_feed(duet__sse *p, const char *data, size_t n, size_t *used, duet_sse_event *out)
{
	size_t at = 0;
	int r = 0;

	forget_given(p);
	if (p->started < 4) {
		if ((r = skip_mark(p, data, n)) < 0)
			return r;
		at = (size_t)r;
		r = 0;
	}
	while (at < n && r == 0)
		at += read_line(p, data + at, n - at, &r, out);
	*used = at;
	return r;
}

bool duet__sse_is_between(const duet__sse *p)
{
	return p->line.len == 0 && (p->given || (p->data.len == 0 && p->event.len == 0));
}

void duet__sse_fini(duet__sse *p)
{
	free(p->line.data);
	free(p->data.data);
	free(p->event.data);
	free(p->id.data);
}
