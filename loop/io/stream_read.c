/* Reads that need to see more than they give out (a line's end) read ahead into a buffer; the others
 * go straight to the caller's memory as soon as the buffer is empty. */
#include "loop/io/stream_impl.h"

#include "loop/core/fail.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 16 * 1024 };

static int begin(duet_stream *s)
{
	int r = duet__stream_enter(s);

	if (r < 0)
		return r;
	if (!s->reading) {
		s->reading = true;
		return 0;
	}
	duet__stream_leave(s);
	return duet__failf(DUET_EBUSY, "another task reads this stream");
}

static ssize_t finish(duet_stream *s, ssize_t result)
{
	s->reading = false;
	if (s->start == s->end) {
		s->start = s->end = 0;
		if (s->capacity > BUFFER) { /* one long line is no reason to keep so much */
			free(s->buffer);
			s->buffer = NULL;
			s->capacity = 0;
		}
	}
	duet__stream_leave(s);
	return result;
}

/* Watched, and not heard of since it ran dry: a read would only say so again. */
static bool is_surely_dry(const duet_stream *s)
{
	return s->dry && (s->interest & DUET__READ) != 0;
}

static int wait_for_data(duet_stream *s)
{
	int r = duet__stream_wait(s, DUET__READ);

	s->dry = false;
	return r;
}

/* One read by the system, waiting for data.  -> bytes, 0 (end), < 0 */
static ssize_t read_some(duet_stream *s, void *buf, size_t n)
{
	int r = is_surely_dry(s) ? wait_for_data(s) : 0;

	while (r >= 0 && (r = duet__stream_turn(s)) >= 0) {
		ssize_t got = s->is_socket ? recv(s->fd, buf, n, 0) : read(s->fd, buf, n);

		if (got >= 0) {
			s->dry = got > 0 && (size_t)got < n;
			return got;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			r = wait_for_data(s);
		else if (errno != EINTR)
			r = duet__stream_fail(s, "read from");
	}
	return r;
}

static size_t take_buffered(duet_stream *s, void *buf, size_t n)
{
	size_t ready = s->end - s->start;

	if (n > ready)
		n = ready;
	if (n > 0)
		memcpy(buf, s->buffer + s->start, n);
	s->start += n;
	return n;
}

/* Room for at least `wanted` bytes from start on, and some room at the end. */
static int make_room(duet_stream *s, size_t wanted)
{
	size_t capacity = s->capacity == 0 ? BUFFER : s->capacity;
	char *buffer;

	if (s->start > 0) {
		memmove(s->buffer, s->buffer + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	if (s->end < s->capacity)
		return 0;
	while (capacity <= s->end && capacity < wanted)
		capacity *= 2;
	if (capacity <= s->end)
		capacity *= 2;
	buffer = realloc(s->buffer, capacity);
	if (buffer == NULL)
		return duet__fail(DUET_ENOMEM);
	s->buffer = buffer;
	s->capacity = capacity;
	return 0;
}

/* Reads ahead.  -> bytes added, 0 (end), < 0 */
static ssize_t fill(duet_stream *s, size_t wanted)
{
	int r = make_room(s, wanted);
	ssize_t got;

	if (r < 0)
		return r;
	got = read_some(s, s->buffer + s->end, s->capacity - s->end);
	if (got > 0)
		s->end += (size_t)got;
	return got;
}

static int fail_no_room(void)
{
	return duet__failf(DUET_EINVAL, "nowhere to read to");
}

ssize_t duet_stream_read(duet_stream *s, void *buf, size_t n)
{
	ssize_t got = begin(s);

	if (got < 0)
		return got;
	if (buf == NULL && n > 0)
		got = fail_no_room();
	else if (s->end > s->start || n == 0)
		got = (ssize_t)take_buffered(s, buf, n);
	else if (n >= BUFFER || s->buffer == NULL)
		got = read_some(s, buf, n);
	else if ((got = fill(s, n)) > 0)
		got = (ssize_t)take_buffered(s, buf, n);
	return finish(s, got);
}

int duet_stream_readn(duet_stream *s, void *buf, size_t n)
{
	size_t have;
	ssize_t got = begin(s);

	if (got < 0)
		return (int)got;
	if (buf == NULL && n > 0)
		return (int)finish(s, fail_no_room());
	have = take_buffered(s, buf, n);
	while (have < n && (got = read_some(s, (char *)buf + have, n - have)) > 0)
		have += (size_t)got;
	if (have == n)
		got = 0;
	else if (got == 0)
		got = duet__failf(DUET_ECLOSED, "the stream ended after %zu of %zu bytes", have, n);
	return (int)finish(s, got);
}

/* --- up to a separator --- */

/* Where the line ends: bytes with the separator, or 0: not yet. */
static size_t find_end(const duet_stream *s, size_t searched, const void *separator, size_t n)
{
	size_t from = searched >= n - 1 ? searched - (n - 1) : 0;
	const char *first = s->buffer + s->start, *found;

	if (s->end - s->start < n || s->buffer == NULL)
		return 0;
	found = memmem(first + from, s->end - s->start - from, separator, n);
	return found != NULL ? (size_t)(found - first) + n : 0;
}

static ssize_t give_line(duet_stream *s, char *buf, size_t length)
{
	take_buffered(s, buf, length);
	buf[length] = '\0';
	return (ssize_t)length;
}

static ssize_t read_until(duet_stream *s, const void *separator, size_t n, char *buf, size_t size)
{
	size_t searched = 0, length;

	for (;;) {
		ssize_t got;

		length = find_end(s, searched, separator, n);
		searched = s->end - s->start;
		if (length >= size || (length == 0 && searched >= size))
			return duet__failf(-EMSGSIZE, "a line does not fit into %zu bytes", size);
		if (length > 0)
			return give_line(s, buf, length);
		got = fill(s, size);
		if (got < 0)
			return got;
		if (got == 0)
			return give_line(s, buf, searched);
	}
}

ssize_t duet_stream_readuntil(duet_stream *s, const void *separator, size_t n, char *buf,
			      size_t size)
{
	ssize_t r = begin(s);

	if (r < 0)
		return r;
	if (separator == NULL || n == 0 || buf == NULL || size == 0)
		r = duet__failf(DUET_EINVAL, "no separator, or no room");
	else
		r = read_until(s, separator, n, buf, size);
	return finish(s, r);
}

ssize_t duet_stream_readline(duet_stream *s, char *buf, size_t size)
{
	return duet_stream_readuntil(s, "\n", 1, buf, size);
}

/* --- to the end --- */

static int widen(duet_buf *all, size_t *capacity)
{
	size_t wider = *capacity == 0 ? BUFFER : *capacity * 2;
	char *data = realloc(all->data, wider + 1);

	if (data == NULL)
		return duet__fail(DUET_ENOMEM);
	all->data = data;
	*capacity = wider;
	return 0;
}

/* What was buffered comes first. */
static ssize_t read_all(duet_stream *s, size_t most, duet_buf *all)
{
	size_t capacity = 0;

	for (;;) {
		ssize_t got;

		if (all->len == capacity && (got = widen(all, &capacity)) < 0)
			return got;
		got = (ssize_t)take_buffered(s, (char *)all->data + all->len, capacity - all->len);
		if (got == 0)
			got = read_some(s, (char *)all->data + all->len, capacity - all->len);
		if (got <= 0)
			return got;
		all->len += (size_t)got;
		if (most > 0 && all->len > most)
			return duet__failf(-EMSGSIZE, "more than %zu bytes", most);
	}
}

int duet_stream_readall(duet_stream *s, size_t most, duet_buf *out)
{
	duet_buf all = {0};
	int r = begin(s);

	if (r < 0)
		return r;
	r = out == NULL ? fail_no_room() : (int)read_all(s, most, &all);
	if (r == 0) {
		((char *)all.data)[all.len] = '\0';
		*out = all;
	} else {
		duet_buf_free(&all);
	}
	return (int)finish(s, r);
}
