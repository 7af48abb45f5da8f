#include "loop/io/listener.h"

#include "loop/core/fail.h"
#include "loop/core/list.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/watch.h"
#include "loop/io/address.h"
#include "loop/io/shortage.h"
#include "loop/io/stream_impl.h"
#include <duet/task.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 1024, URL_MOST = DUET__ADDRESS_WORDS + 8 };

struct duet_listener {
	int fd;
	bool closed;
	int holds;            /* tasks inside, which must not find it freed */
	duet__list acceptors; /* wait for a client */
	duet__watch *watch;
	duet__attachment attachment;
	char url[URL_MOST]; /* to connect to */
	char *path;         /* of a Unix socket, to be removed; else NULL */
	dev_t device;       /* of that very file: another may have taken its place */
	ino_t inode;
	pid_t owner; /* a forked child leaves the file to its parent */
};

static int fail_at(const struct addrinfo *info, int code)
{
	char where[DUET__ADDRESS_WORDS];

	duet__address_describe(info, where, sizeof(where));
	return duet__failf(code, "listen on %s: %s", where, duet_strerror(code));
}

/* A socket file that no process has any more is in the way, and may go.  Asked for datagrams, a
 * listener that is alive refuses without hearing of it. */
static void remove_stale(const struct addrinfo *info)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)(const void *)info->ai_addr;
	struct stat st;
	int probe;

	if (lstat(name->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return;
	if (connect(probe, info->ai_addr, info->ai_addrlen) != 0 && errno == ECONNREFUSED)
		unlink(name->sun_path);
	close(probe);
}

/* Clients inherit the second one. */
static void set_tcp_options(int fd, const struct addrinfo *info)
{
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (info->ai_family == AF_INET6) /* [::] is every interface, of IPv4 too */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
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
		set_tcp_options(fd, info);
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

/* -> 0, -ENOMEM */
static int remember_file(duet_listener *l, const struct addrinfo *info)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)(const void *)info->ai_addr;
	struct stat st;

	l->path = strdup(name->sun_path);
	if (l->path == NULL || lstat(l->path, &st) != 0) {
		unlink(name->sun_path);
		return duet__fail(DUET_ENOMEM);
	}
	l->device = st.st_dev;
	l->inode = st.st_ino;
	snprintf(l->url, sizeof(l->url), "unix://%s", l->path);
	return 0;
}

static int remember_port(duet_listener *l)
{
	struct sockaddr_storage name = {0};
	struct addrinfo info = {.ai_addr = (struct sockaddr *)&name, .ai_addrlen = sizeof(name)};
	char where[DUET__ADDRESS_WORDS];

	if (getsockname(l->fd, info.ai_addr, &info.ai_addrlen) != 0)
		return duet__fail(-errno);
	info.ai_family = name.ss_family;
	duet__address_describe(&info, where, sizeof(where));
	snprintf(l->url, sizeof(l->url), "tcp://%s", where);
	return 0;
}

static void listener_free(duet_listener *l)
{
	free(l->path);
	free(l);
}

/* Takes fd. */
static duet_listener *listener_new(int fd, const struct addrinfo *info)
{
	duet_listener *l = calloc(1, sizeof(*l));
	int r = DUET_ENOMEM;

	if (l == NULL) {
		close(fd);
		return duet__fail_null(r);
	}
	l->fd = fd;
	l->owner = getpid();
	duet__list_init(&l->acceptors);
	duet__list_init(&l->attachment.node);
	l->attachment.closing = on_run_ends;
	r = info->ai_family == AF_UNIX ? remember_file(l, info) : remember_port(l);
	if (r == 0)
		return l;
	close(fd);
	listener_free(l);
	return duet__null(r);
}

/* Of "every interface", [::] comes first: it takes IPv4 as well. */
static const struct addrinfo *first_choice(const duet__address *a)
{
	const struct addrinfo *first = duet__address_first(a);
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)first->ai_addr;

	return first->ai_family == AF_INET && first->ai_next != NULL &&
			       first->ai_next->ai_family == AF_INET6 &&
			       v4->sin_addr.s_addr == htonl(INADDR_ANY)
		       ? first->ai_next
		       : first;
}

/* -> a listening descriptor, at the address *info */
static int listen_at_any(const duet__address *a, const struct addrinfo **info)
{
	int r;

	*info = first_choice(a);
	r = open_socket(*info);
	if (r >= 0)
		return r;
	for (*info = duet__address_first(a); *info != NULL && r < 0; *info = (*info)->ai_next)
		if ((r = open_socket(*info)) >= 0)
			break;
	return r;
}

duet_listener *duet_listen(const char *url)
{
	duet__address address;
	const struct addrinfo *info;
	duet_listener *l;
	int r = duet__address_open(&address, url, true);

	if (r < 0)
		return duet__null(r);
	r = listen_at_any(&address, &info);
	l = r >= 0 ? listener_new(r, info) : duet__null(r);
	duet__address_close(&address);
	return l;
}

int duet_listener_port(const duet_listener *l)
{
	if (l == NULL)
		return duet__failf(DUET_EINVAL, "no listener");
	return l->path == NULL ? atoi(strrchr(l->url, ':') + 1) : 0;
}

const char *duet_listener_url(const duet_listener *l)
{
	return l != NULL ? l->url : "";
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

	if (!duet__watch_is_here(l->watch)) {
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

/* Clients that gave up before they were accepted are nobody's error. */
static bool is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
	       error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH;
}

static int fail_accept(int error)
{
	return duet__failf(-error, "accept: %s", duet_strerror(-error));
}

/* What to do about a failure.  -> 0: try again */
static int recover(duet_listener *l, int error, duet_time *shortage)
{
	if (error == EAGAIN || error == EWOULDBLOCK)
		return wait_for_client(l);
	if (duet__is_shortage(error))
		return duet__shortage_wait(DUET__TO_ACCEPT, shortage);
	return is_passing(error) ? 0 : fail_accept(error);
}

/* -> the next client's descriptor */
static int accept_next(duet_listener *l)
{
	duet_time shortage = 0;
	int fd, r = 0;

	for (;;) {
		if (r == 0)
			r = duet__io_turn();
		if (l->closed)
			return duet__failf(DUET_ECLOSED, "the listener was closed");
		if (r < 0)
			return r;
		fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			break;
		r = recover(l, errno, &shortage);
	}
	if (shortage != 0)
		duet__shortage_over();
	return fd;
}

void duet__listener_hold(duet_listener *l)
{
	l->holds++;
}

void duet__listener_release(duet_listener *l)
{
	if (--l->holds == 0 && l->closed)
		listener_free(l);
}

duet_stream *duet_accept(duet_listener *l)
{
	int r = duet__enter();

	if (r < 0)
		return duet__null(r);
	if (l == NULL)
		return duet__failf_null(DUET_EINVAL, "no listener");
	duet__listener_hold(l);
	r = accept_next(l);
	duet__listener_release(l);
	return r >= 0 ? duet__stream_new(r, true) : duet__null(r);
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
	if (l->path != NULL && getpid() == l->owner && lstat(l->path, &st) == 0 &&
	    st.st_dev == l->device && st.st_ino == l->inode)
		unlink(l->path);
	duet__wake_all(&l->acceptors, 0);
	duet__shortage_recheck();
	if (l->holds == 0)
		listener_free(l);
}
