#include "loop/io/stream_impl.h"

#include "loop/core/fail.h"
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

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

static ssize_t send_some(const duet_stream *s, const char *buf, size_t n)
{
	return s->is_socket ? send(s->fd, buf, n, MSG_NOSIGNAL) : write_quietly(s->fd, buf, n);
}

static int write_all(duet_stream *s, const char *buf, size_t n)
{
	while (n > 0) {
		int r = duet__stream_turn(s);
		ssize_t sent;

		if (r < 0)
			return r;
		sent = send_some(s, buf, n);
		if (sent >= 0) {
			buf += sent;
			n -= (size_t)sent;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			r = duet__stream_wait(s, DUET__WRITE);
		} else if (errno != EINTR) {
			r = duet__stream_fail(s, "write to");
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* -> 0: it is this task's turn, which the one before has handed over */
static int wait_for_turn(duet_stream *s)
{
	DUET__WAITER(w, "its turn to write");
	int r = 0;

	if (s->writing) {
		duet__list_append(&s->writers, &w.node);
		r = duet__park(&w);
	}
	if (r == 0)
		s->writing = true;
	return r;
}

static void pass_turn(duet_stream *s)
{
	if (!duet__wake_first(&s->writers, 0))
		s->writing = false;
}

int duet_stream_write(duet_stream *s, const void *buf, size_t n)
{
	int r = duet__stream_enter(s);

	if (r < 0)
		return r;
	r = wait_for_turn(s);
	if (r == 0) {
		r = s->closed ? duet__failf(DUET_ECLOSED, "another task closed the stream")
			      : write_all(s, buf, n);
		pass_turn(s);
	}
	duet__stream_leave(s);
	return r;
}

int duet_stream_printf(duet_stream *s, const char *format, ...)
{
	va_list arguments;
	char *text;
	int n, r;

	if (format == NULL)
		return duet__failf(DUET_EINVAL, "there is no format");
	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (n < 0)
		return duet__fail(DUET_ENOMEM);
	r = duet_stream_write(s, text, (size_t)n);
	free(text);
	return r;
}
