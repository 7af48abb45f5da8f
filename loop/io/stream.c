/* Reading and writing try the system call first and wait only when it would block.  READ stays
 * watched between waits, so that a busy stream costs no epoll_ctl: an event that comes while nobody
 * waits for it ends the watching.
 *
 * close() may come from another task while calls are under way: they are woken, see `closed`, and
 * the last of them frees the stream. */
#include "loop/io/stream_impl.h"

#include "loop/core/fail.h"
#include "loop/core/list.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/watch.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 16 * 1024 };

struct duet_stream {
	int fd;
	bool is_socket;
	bool closed;
	bool writing;         /* a task is in write                        */
	int calls;            /* tasks inside, which must not find it freed */
	duet__waiter *reader; /* waits for data                            */
	duet__waiter *writer; /* waits for room                            */
	duet__list writers;   /* wait for their turn to write              */
	int interest;         /* events watched                            */
	duet__watch *watch;   /* of this run; opened when first needed     */
	duet__attachment attachment;
	char *buffer; /* read ahead: [start, end)                  */
	size_t capacity, start, end;
};

static void on_run_ends(duet__attachment *attachment)
{
	duet_stream *s = duet__container_of(attachment, duet_stream, attachment);

	duet__watch_close(s->watch);
	s->watch = NULL;
	s->interest = 0;
}

duet_stream *duet__stream_new(int fd)
{
	duet_stream *s = calloc(1, sizeof(*s));
	int type;

	if (s == NULL) {
		close(fd);
		return duet__fail_null(DUET_ENOMEM);
	}
	s->fd = fd;
	s->is_socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof(type)}) == 0;
	duet__list_init(&s->writers);
	duet__list_init(&s->attachment.node);
	s->attachment.closing = on_run_ends;
	return s;
}

duet_stream *duet_stream_from_fd(int fd)
{
	int flags = fcntl(fd, F_GETFL), copy;
	duet_stream *s;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return duet__fail_null(-errno);
	/* Until it is sure that the stream exists, fd is not its. */
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return duet__fail_null(-errno);
	s = duet__stream_new(copy);
	if (s == NULL)
		return NULL;
	close(copy);
	s->fd = fd;
	return s;
}

int duet_stream_fd(const duet_stream *s)
{
	return s != NULL ? s->fd : -1;
}

static void watch(duet_stream *s, int interest)
{
	if (interest != s->interest && duet__watch_set(s->watch, interest) == 0)
		s->interest = interest;
}

static void on_ready(void *context, int events)
{
	duet_stream *s = context;

	if (events & DUET__READ) {
		if (s->reader != NULL && !s->reader->done)
			duet__wake(s->reader, 0);
		else
			watch(s, s->interest & ~DUET__READ);
	}
	if (events & DUET__WRITE) {
		if (s->writer != NULL)
			duet__wake(s->writer, 0);
		watch(s, s->interest & ~DUET__WRITE);
	}
}

static int open_watch(duet_stream *s)
{
	if (s->watch != NULL)
		return 0;
	s->watch = duet__watch_open(duet__loop(), s->fd, on_ready, s);
	if (s->watch == NULL)
		return duet__fail(DUET_ENOMEM);
	duet__loop_attach(duet__loop(), &s->attachment);
	return 0;
}

/* Suspends until the event comes.  -> 0, DUET_ECLOSED, DUET_ECANCELED, -ENOMEM, -errno */
static int wait_for(duet_stream *s, int event, duet__waiter **place, const char *what)
{
	DUET__WAITER_EXTERNAL(w, what);
	int r = open_watch(s);

	if (r < 0)
		return r;
	if ((s->interest & event) == 0) {
		r = duet__watch_set(s->watch, s->interest | event);
		if (r < 0)
			return duet__fail(r);
		s->interest |= event;
	}
	*place = &w;
	r = duet__park(&w);
	*place = NULL;
	return r;
}

static void stream_free(duet_stream *s)
{
	free(s->buffer);
	free(s);
}

/* The first and the last line of every call that may suspend. */
static int go_in(duet_stream *s)
{
	int r = duet__enter();

	if (r < 0)
		return r;
	if (s == NULL)
		return duet__failf(DUET_EINVAL, "no stream");
	s->calls++;
	return 0;
}

static ssize_t go_out(duet_stream *s, ssize_t result)
{
	if (--s->calls == 0 && s->closed)
		stream_free(s);
	return result;
}

static int system_error(void)
{
	int code = -errno;

	return duet__fail(code);
}

/* One read by the system, waiting for data.  -> bytes, 0 (end), < 0 */
static ssize_t read_some(duet_stream *s, void *buf, size_t n)
{
	if (s->reader != NULL)
		return duet__failf(DUET_EBUSY, "another task reads this stream");
	for (;;) {
		ssize_t got = read(s->fd, buf, n);
		int r;

		if (got >= 0)
			return got;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return system_error();
		r = wait_for(s, DUET__READ, &s->reader, "data on a stream");
		if (r < 0)
			return r;
	}
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

ssize_t duet_stream_read(duet_stream *s, void *buf, size_t n)
{
	ssize_t got = go_in(s);

	if (got < 0)
		return got;
	if (s->end > s->start || n == 0)
		got = (ssize_t)take_buffered(s, buf, n);
	else if (n >= BUFFER || s->buffer == NULL)
		got = read_some(s, buf, n);
	else if ((got = fill(s, n)) > 0)
		got = (ssize_t)take_buffered(s, buf, n);
	return go_out(s, got);
}

int duet_stream_readn(duet_stream *s, void *buf, size_t n)
{
	size_t have;
	ssize_t got = go_in(s);

	if (got < 0)
		return (int)got;
	have = take_buffered(s, buf, n);
	while (have < n && (got = read_some(s, (char *)buf + have, n - have)) > 0)
		have += (size_t)got;
	if (have == n)
		got = 0;
	else if (got == 0)
		got = duet__failf(DUET_ECLOSED, "the stream ended after %zu of %zu bytes", have, n);
	return (int)go_out(s, got);
}

/* Where the line ends: bytes with the separator, or 0: not yet. */
static size_t find_end(const duet_stream *s, size_t searched, const void *separator, size_t n)
{
	size_t from = searched >= n - 1 ? searched - (n - 1) : 0;
	const char *begin = s->buffer + s->start, *found;

	if (s->end - s->start < n || s->buffer == NULL)
		return 0;
	found = memmem(begin + from, s->end - s->start - from, separator, n);
	return found != NULL ? (size_t)(found - begin) + n : 0;
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
	ssize_t r = go_in(s);

	if (r < 0)
		return r;
	if (n == 0 || size == 0)
		r = duet__failf(DUET_EINVAL, "no separator, or no room");
	else
		r = read_until(s, separator, n, buf, size);
	return go_out(s, r);
}

ssize_t duet_stream_readline(duet_stream *s, char *buf, size_t size)
{
	return duet_stream_readuntil(s, "\n", 1, buf, size);
}

/* A pipe whose reader is gone raises SIGPIPE, and no flag of write() prevents it: it is held back
 * and, if it came, taken. */
static ssize_t write_quietly(int fd, const void *buf, size_t n)
{
	sigset_t pipe_signal, before, pending;
	bool was_pending;
	ssize_t sent;
	int error;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	sent = write(fd, buf, n);
	error = errno;
	if (sent < 0 && error == EPIPE && !was_pending)
		sigtimedwait(&pipe_signal, NULL, &(struct timespec){0});
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return sent;
}

static int write_all(duet_stream *s, const char *buf, size_t n)
{
	while (n > 0) {
		ssize_t sent = s->is_socket ? send(s->fd, buf, n, MSG_NOSIGNAL)
					    : write_quietly(s->fd, buf, n);
		int r;

		if (sent >= 0) {
			buf += sent;
			n -= (size_t)sent;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return system_error();
		r = wait_for(s, DUET__WRITE, &s->writer, "room on a stream");
		if (r < 0)
			return r;
	}
	return 0;
}

/* -> 0: it is this task's turn, which the one before has handed over */
static int wait_for_turn(duet_stream *s)
{
	DUET__WAITER(w, "its turn to write");

	if (!s->writing) {
		s->writing = true;
		return 0;
	}
	duet__list_append(&s->writers, &w.node);
	return duet__park(&w);
}

int duet_stream_write(duet_stream *s, const void *buf, size_t n)
{
	int r = go_in(s);

	if (r < 0)
		return r;
	r = wait_for_turn(s);
	if (r == 0) {
		if (s->closed)
			r = duet__fail(DUET_ECLOSED);
		else
			r = write_all(s, buf, n);
		if (!duet__wake_first(&s->writers, 0))
			s->writing = false;
	}
	return (int)go_out(s, r);
}

int duet_stream_shutdown(duet_stream *s)
{
	if (s == NULL)
		return duet__failf(DUET_EINVAL, "no stream");
	return shutdown(s->fd, SHUT_WR) == 0 ? 0 : system_error();
}

void duet_stream_close(duet_stream *s)
{
	if (s == NULL || s->closed)
		return;
	s->closed = true;
	duet__watch_close(s->watch);
	s->watch = NULL;
	duet__loop_detach(&s->attachment);
	close(s->fd);
	s->fd = -1;
	if (s->reader != NULL)
		duet__wake(s->reader, duet__fail(DUET_ECLOSED));
	if (s->writer != NULL)
		duet__wake(s->writer, duet__fail(DUET_ECLOSED));
	duet__wake_all(&s->writers, DUET_ECLOSED);
	if (s->calls == 0)
		stream_free(s);
}
