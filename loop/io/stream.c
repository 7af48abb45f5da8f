/* What reading and writing have in common: both try the system call first and wait only when it
 * would block.  READ stays watched between waits, so that a busy stream costs no epoll_ctl: an event
 * that comes while nobody waits for it ends the watching.
 *
 * close() may come from another task while calls are under way: they are woken, see `closed`, and
 * the last of them frees the stream. */
#include "loop/io/stream_impl.h"

#include "loop/core/fail.h"
#include "loop/io/address.h"
#include "loop/io/shortage.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Calls in a row that did not have to wait, before the others have their turn. */
enum { STRAIGHT_MOST = 32 };

static _Thread_local int straight;

static void on_run_ends(duet__attachment *attachment)
{
	duet_stream *s = duet__container_of(attachment, duet_stream, attachment);

	duet__watch_close(s->watch);
	s->watch = NULL;
	s->interest = 0;
}

duet_stream *duet__stream_new(int fd, bool is_socket)
{
	duet_stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(fd);
		return duet__fail_null(DUET_ENOMEM);
	}
	s->fd = fd;
	s->flags_before = -1;
	s->is_socket = is_socket;
	duet__list_init(&s->writers);
	duet__list_init(&s->attachment.node);
	s->attachment.closing = on_run_ends;
	return s;
}

/* What the standard streams are connected to is shared with other programs: they keep 0, 1 and 2. */
static void close_on_exec(int fd)
{
	if (fd > 2)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static duet_stream *fail_from(int fd, int code)
{
	return duet__failf_null(code, "a stream of descriptor %d: %s", fd, duet_strerror(code));
}

duet_stream *duet_stream_from_fd(int fd)
{
	int flags = fcntl(fd, F_GETFL), type, copy;
	bool is_socket =
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof(type)}) == 0;
	duet_stream *s;

	/* Until it is sure that the stream exists, fd is not its. */
	copy = flags < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return fail_from(fd, -errno);
	s = duet__stream_new(copy, is_socket);
	if (s == NULL)
		return NULL;
	close(copy);
	s->fd = fd;
	if ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
		s->flags_before = flags;
	close_on_exec(fd);
	return s;
}

int duet_stream_fd(const duet_stream *s)
{
	return s != NULL ? s->fd : -1;
}

int duet_stream_peer(const duet_stream *s, char *text, size_t size)
{
	struct sockaddr_storage name = {0};
	struct addrinfo info = {.ai_addr = (struct sockaddr *)&name, .ai_addrlen = sizeof(name)};

	if (s == NULL || text == NULL || size == 0)
		return duet__failf(DUET_EINVAL, "no stream, or no room for its peer");
	if (getpeername(s->fd, info.ai_addr, &info.ai_addrlen) != 0)
		return duet__fail(-errno);
	info.ai_family = name.ss_family;
	duet__address_describe(&info, text, size);
	return 0;
}

int duet__stream_fail(const duet_stream *s, const char *what)
{
	int code = -errno;
	char peer[DUET__ADDRESS_WORDS] = "a stream";

	duet_stream_peer(s, peer, sizeof(peer));
	return duet__failf(code, "%s %s: %s", what, peer[0] != '\0' ? peer : "a Unix socket",
			   duet_strerror(code));
}

/* --- waiting --- */

static void watch(duet_stream *s, int interest)
{
	if (interest != s->interest && duet__watch_set(s->watch, interest) == 0)
		s->interest = interest;
}

static void on_ready(void *context, int events)
{
	duet_stream *s = context;

	if (events & DUET__READ) {
		if (s->reader != NULL) /* a second time, if it has not run yet */
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

static void wake_both(duet_stream *s, int result)
{
	if (s->reader != NULL)
		duet__wake(s->reader, result);
	if (s->writer != NULL)
		duet__wake(s->writer, result);
}

static int open_watch(duet_stream *s)
{
	if (duet__watch_is_here(s->watch))
		return 0;
	s->interest = 0;
	s->watch = duet__watch_open(duet__loop(), s->fd, on_ready, s);
	if (s->watch == NULL)
		return duet__fail(DUET_ENOMEM);
	duet__loop_attach(duet__loop(), &s->attachment);
	return 0;
}

static int want(duet_stream *s, int event)
{
	int r = open_watch(s);

	if (r < 0 || (s->interest & event) != 0)
		return r;
	r = duet__watch_set(s->watch, s->interest | event);
	if (r == 0) {
		s->interest |= event;
		return 0;
	}
	/* Now nothing is watched, also for the other side of the stream: it has to try again. */
	s->interest = 0;
	wake_both(s, 0);
	return duet__fail(r);
}

static int tell_closed(void)
{
	return duet__failf(DUET_ECLOSED, "another task closed the stream");
}

int duet__stream_wait(duet_stream *s, int event)
{
	bool reads = event == DUET__READ;
	DUET__WAITER_EXTERNAL(w, reads ? "data on a stream" : "room on a stream");
	duet__waiter **place = reads ? &s->reader : &s->writer;
	int r = want(s, event);

	if (r < 0)
		return r;
	*place = &w;
	r = duet__park(&w);
	*place = NULL;
	straight = 0;
	return r >= 0 && s->closed ? tell_closed() : r;
}

int duet__io_turn(void)
{
	if (++straight < STRAIGHT_MOST)
		return 0;
	straight = 0;
	return duet_yield();
}

int duet__stream_turn(const duet_stream *s)
{
	int r = duet__io_turn();

	return r >= 0 && s->closed ? tell_closed() : r;
}

/* --- life --- */

static void stream_free(duet_stream *s)
{
	free(s->buffer);
	free(s);
}

int duet__stream_enter(duet_stream *s)
{
	int r = duet__enter();

	if (r < 0)
		return r;
	if (s == NULL)
		return duet__failf(DUET_EINVAL, "no stream");
	s->calls++;
	return 0;
}

void duet__stream_leave(duet_stream *s)
{
	if (--s->calls == 0 && s->closed)
		stream_free(s);
}

int duet_stream_shutdown(duet_stream *s)
{
	if (s == NULL)
		return duet__failf(DUET_EINVAL, "no stream");
	return shutdown(s->fd, SHUT_WR) == 0 ? 0 : duet__stream_fail(s, "end writing to");
}

void duet_stream_close(duet_stream *s)
{
	if (s == NULL || s->closed)
		return;
	s->closed = true;
	duet__watch_close(s->watch);
	s->watch = NULL;
	duet__loop_detach(&s->attachment);
	if (s->flags_before >= 0)
		fcntl(s->fd, F_SETFL, s->flags_before);
	close(s->fd);
	s->fd = -1;
	duet__shortage_over();
	wake_both(s, 0);
	duet__wake_all(&s->writers, 0);
	if (s->calls == 0)
		stream_free(s);
}
