#include "loop/core/fail.h"
#include "loop/core/park.h"
#include "loop/io/address.h"
#include "loop/io/stream_impl.h"
#include <duet/fd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

static int fail_at(const struct addrinfo *info, int code)
{
	char where[128];

	duet__address_describe(info, where, sizeof(where));
	return duet__failf(code, "connect %s: %s", where, duet_strerror(code));
}

/* -> 0: fd is connected */
static int finish(int fd, const struct addrinfo *info)
{
	int error = 0;
	int r = duet_wait_fd(fd, DUET_WRITE);

	if (r < 0)
		return r;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)});
	return error == 0 ? 0 : fail_at(info, -error);
}

/* -> a connected descriptor */
static int try(const struct addrinfo *info)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return fail_at(info, -errno);
	if (info->ai_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (connect(fd, info->ai_addr, info->ai_addrlen) == 0)
		return fd;
	/* A Unix socket whose backlog is full says EAGAIN and cannot be waited for. */
	r = errno == EINPROGRESS || errno == EINTR ? finish(fd, info) : fail_at(info, -errno);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

duet_stream *duet_connect(const char *url)
{
	duet__address address;
	int r = duet__enter();

	if (r == 0)
		r = duet__address_open(&address, url, false);
	if (r < 0)
		return duet__null(r);
	r = -EADDRNOTAVAIL;
	for (const struct addrinfo *i = duet__address_first(&address);
	     i != NULL && r < 0 && r != DUET_ECANCELED; i = i->ai_next)
		r = try(i);
	duet__address_close(&address);
	return r >= 0 ? duet__stream_new(r) : duet__null(r);
}
