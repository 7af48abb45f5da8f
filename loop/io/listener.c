#include "loop/core/fail.h"
#include "loop/core/list.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/watch.h"
#include "loop/io/address.h"
#include "loop/io/stream_impl.h"
#include <duet/task.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

/* Out of descriptors, the next try waits; each time longer. */
#define SHORTAGE_FIRST DUET_MS(10)
#define SHORTAGE_MOST  DUET_MS(500)

struct duet_listener {
	int fd;
	bool closed;
	int calls;            /* tasks inside, which must not find it freed */
	duet__list acceptors; /* wait for a client */
	duet__watch *watch;
	duet__attachment attachment;
	char *path;   /* of a Unix socket, to be removed */
	dev_t device; /* of that very file: another may have taken its place */
	ino_t inode;
};

static int fail_at(const struct addrinfo *info, int code)
{
	char where[128];

	duet__address_describe(info, where, sizeof(where));
	return duet__failf(code, "listen on %s: %s", where, duet_strerror(code));
}

/* A socket file that nobody listens on any more is in the way, and may go. */
static void remove_stale(const struct addrinfo *info)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)(const void *)info->ai_addr;
	struct stat st;
	int probe;

	if (lstat(name->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return;
	if (connect(probe, info->ai_addr, info->ai_addrlen) != 0 && errno == ECONNREFUSED)
		unlink(name->sun_path);
	close(probe);
}

/* -> a listening descriptor */
static int open_socket(const struct addrinfo *info)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return fail_at(info, -errno);
	if (info->ai_family == AF_UNIX)
		remove_stale(info);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	r = fail_at(info, -errno);
	close(fd);
	return r;
}

static void on_run_ends(duet__attachment *attachment)
{
	duet_listener *l = duet__container_of(attachment, duet_listener, attachment);

	duet__watch_close(l->watch);
	l->watch = NULL;
}

static void remember_file(duet_listener *l, const struct addrinfo *info)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)(const void *)info->ai_addr;
	struct stat st;

	if (stat(name->sun_path, &st) != 0)
		return;
	l->path = strdup(name->sun_path);
	l->device = st.st_dev;
	l->inode = st.st_ino;
}

static duet_listener *listener_new(int fd, const struct addrinfo *info)
{
	duet_listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		close(fd);
		return duet__fail_null(DUET_ENOMEM);
	}
	l->fd = fd;
	duet__list_init(&l->acceptors);
	duet__list_init(&l->attachment.node);
	l->attachment.closing = on_run_ends;
	if (info->ai_family == AF_UNIX)
		remember_file(l, info);
	return l;
}

duet_listener *duet_listen(const char *url)
{
	duet__address address;
	duet_listener *l = NULL;
	int r = duet__address_open(&address, url, true);

	if (r < 0)
		return duet__null(r);
	r = -EADDRNOTAVAIL;
	for (const struct addrinfo *i = duet__address_first(&address); i != NULL && l == NULL;
	     i = i->ai_next) {
		r = open_socket(i);
		if (r >= 0 && (l = listener_new(r, i)) == NULL)
			break;
	}
	duet__address_close(&address);
	return r >= 0 ? l : duet__null(r);
}

int duet_listener_port(const duet_listener *l)
{
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);

	if (l == NULL || getsockname(l->fd, (struct sockaddr *)&name, &size) != 0)
		return duet__failf(DUET_EINVAL, "no listener");
	if (name.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)(void *)&name)->sin_port);
	if (name.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)(void *)&name)->sin6_port);
	return 0;
}

static void on_ready(void *context, int events)
{
	duet_listener *l = context;

	(void)events;
	if (!duet__wake_first(&l->acceptors, 0))
		duet__watch_set(l->watch, 0);
}

static int wait_for_client(duet_listener *l)
{
	DUET__WAITER_EXTERNAL(w, "a client");
	int r;

	if (l->watch == NULL) {
		l->watch = duet__watch_open(duet__loop(), l->fd, on_ready, l);
		if (l->watch == NULL)
			return duet__fail(DUET_ENOMEM);
		duet__loop_attach(duet__loop(), &l->attachment);
	}
	r = duet__watch_set(l->watch, DUET__READ);
	if (r < 0)
		return duet__fail(r);
	duet__list_append(&l->acceptors, &w.node);
	return duet__park(&w);
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Clients that gave up before they were accepted are nobody's error. */
static bool is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
	       error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH;
}

/* -> the next client's descriptor */
static int accept_next(duet_listener *l)
{
	duet_time pause = SHORTAGE_FIRST;
	int r = 0;

	while (r == 0) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), error = errno;

		if (fd >= 0)
			return fd;
		if (error == EAGAIN || error == EWOULDBLOCK) {
			r = wait_for_client(l);
		} else if (is_shortage(error)) {
			r = duet_sleep(pause);
			pause = pause * 2 < SHORTAGE_MOST ? pause * 2 : SHORTAGE_MOST;
		} else if (!is_passing(error)) {
			r = duet__failf(-error, "accept: %s", duet_strerror(-error));
		}
		if (r == 0 && l->closed)
			r = duet__fail(DUET_ECLOSED);
	}
	return r;
}

static void listener_free(duet_listener *l)
{
	free(l->path);
	free(l);
}

duet_stream *duet_accept(duet_listener *l)
{
	int r = duet__enter();

	if (r < 0)
		return duet__null(r);
	if (l == NULL)
		return duet__failf_null(DUET_EINVAL, "no listener");
	l->calls++;
	r = accept_next(l);
	if (--l->calls == 0 && l->closed)
		listener_free(l);
	if (r < 0)
		return duet__null(r);
	setsockopt(r, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return duet__stream_new(r);
}

void duet_listener_close(duet_listener *l)
{
	struct stat st;

	if (l == NULL || l->closed)
		return;
	l->closed = true;
	duet__watch_close(l->watch);
	l->watch = NULL;
	duet__loop_detach(&l->attachment);
	close(l->fd);
	l->fd = -1;
	if (l->path != NULL && stat(l->path, &st) == 0 && st.st_dev == l->device &&
	    st.st_ino == l->inode)
		unlink(l->path);
	duet__wake_all(&l->acceptors, DUET_ECLOSED);
	if (l->calls == 0)
		listener_free(l);
}
