#include "loop/core/fail.h"
#include "loop/core/park.h"
#include "loop/io/address.h"
#include "loop/io/shortage.h"
#include "loop/io/stream_impl.h"
#include <duet/fd.h>
#include <duet/task.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A Unix listener whose backlog is full cannot be waited for, only tried again. */
#define FULL_FIRST DUET_MS(1)
#define FULL_MOST  DUET_MS(50)

enum { HOST_MOST = 300 };

static int fail_at(const struct addrinfo *info, int code)
{
	char where[DUET__ADDRESS_WORDS];

	duet__address_describe(info, where, sizeof(where));
	return duet__failf(code, "connect %s: %s", where, duet_strerror(code));
}

static int system_socket(const struct addrinfo *info)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!duet__is_reserve(fd))
		return fd;
	close(fd);
	return -EMFILE;
}

/* -> a socket, for which it waits while descriptors are short */
static int open_socket(const struct addrinfo *info)
{
	duet_time since = 0;
	int fd, r = 0;

	while ((fd = system_socket(info)) < 0 && duet__is_shortage(-fd) && r == 0)
		r = duet__shortage_wait(DUET__TO_CONNECT, &since);
	if (fd >= 0 && since != 0)
		duet__shortage_over();
	if (fd >= 0 || r == DUET_ECANCELED)
		return fd >= 0 ? fd : r;
	return fail_at(info, fd);
}

/* A port of this machine that nobody listens on, but that the system happened to choose for our own
 * end, connects to itself. */
static bool is_connected_to_itself(int fd)
{
	struct sockaddr_storage here = {0}, there = {0};
	socklen_t size = sizeof(here), size_there = sizeof(there);

	return getsockname(fd, (struct sockaddr *)&here, &size) == 0 &&
	       getpeername(fd, (struct sockaddr *)&there, &size_there) == 0 && size == size_there &&
	       memcmp(&here, &there, size) == 0;
}

/* -> 0: fd is connected */
static int wait_connected(int fd, const struct addrinfo *info)
{
	int error = 0;
	int r = duet_wait_fd(fd, DUET_WRITE);

	if (r < 0)
		return r;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)});
	if (error == 0 && is_connected_to_itself(fd))
		error = ECONNREFUSED;
	return error == 0 ? 0 : fail_at(info, -error);
}

static int connect_socket(int fd, const struct addrinfo *info)
{
	duet_time pause = FULL_FIRST;
	int r;

	while (connect(fd, info->ai_addr, info->ai_addrlen) != 0 && errno != EISCONN) {
		if (errno == EINTR)
			continue;
		if (errno == EINPROGRESS || errno == EALREADY)
			return wait_connected(fd, info);
		if (errno != EAGAIN || info->ai_family != AF_UNIX)
			return fail_at(info, -errno);
		if ((r = duet_sleep(pause)) < 0)
			return r;
		pause = pause * 2 < FULL_MOST ? pause * 2 : FULL_MOST;
	}
	return 0;
}

/* -> a connected descriptor */
static int try(const struct addrinfo *info)
{
	int fd = open_socket(info), r;

	if (fd < 0)
		return fd;
	if (info->ai_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	r = connect_socket(fd, info);
	if (r == 0)
		return fd;
	close(fd);
	duet__shortage_over();
	return r;
}

/* The words name the last address that was tried; what it was looked up for belongs to them. */
static int name_host(int code, const char *host)
{
	if (code == DUET_ECANCELED || strstr(duet_errmsg(), host) != NULL)
		return code;
	return duet__failf(code, "%s (%s)", duet_errmsg(), host);
}

/* -> a connected descriptor */
static int connect_any(duet__address *a)
{
	int r = -EADDRNOTAVAIL;

	for (const struct addrinfo *i = duet__address_first(a);
	     i != NULL && r < 0 && r != DUET_ECANCELED; i = i->ai_next)
		r = try(i);
	return r;
}

duet_stream *duet_connect(const char *url)
{
	char host[HOST_MOST] = ""; /* url may be gone by the time it is to be named */
	duet__address address;
	int r = duet__enter();

	if (r == 0 && url != NULL)
		snprintf(host, sizeof(host), "%s", url);
	if (r == 0)
		r = duet__address_open(&address, url, false);
	if (r < 0)
		return duet__null(r);
	r = connect_any(&address);
	duet__address_close(&address);
	return r >= 0 ? duet__stream_new(r, true)
		      : duet__null(name_host(r, strstr(host, "://") + 3));
}
