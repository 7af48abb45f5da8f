/* A pair of connected Unix sockets: no path, so nobody else can reach it; one system call a
 * message; and the end of file tells a death before anybody is asked. */
#include "ipc/channel.h"
#include "ipc/descriptor.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct local {
	duet__channel base;
	int fd;
};

static struct local *local_of(duet__channel *c)
{
	return (struct local *)(void *)c;
}

static struct local *local_new(int fd)
{
	struct local *l = malloc(sizeof(*l));
	if (l != NULL)
		*l = (struct local){{&duet__transport_local}, fd};
	return l;
}

/* Room for the whole window of jobs, so that a send hardly ever meets a full socket. */
static void widen(int fd)
{
	int bytes = 8 * DUET__MESSAGE_MAX;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int local_open(const char *directory, const char *name, duet__channel **channel,
		      duet__offer *offer)
{
	(void)directory, (void)name;
	int fds[2], r = duet__fd_pair(fds);
	if (r < 0)
		return r;
	struct local *l = local_new(fds[0]);
	if (l == NULL) {
		close(fds[0]);
		close(fds[1]);
		return -ENOMEM;
	}
	widen(fds[0]);
	widen(fds[1]);
	*channel = &l->base;
	*offer = (duet__offer){.fd = fds[1]};
	return 0;
}

static int local_dial(const duet__offer *offer, duet__channel **channel)
{
	struct local *l = local_new(offer->fd);
	if (l == NULL)
		return -ENOMEM;
	*channel = &l->base;
	return 0;
}

static int local_send(duet__channel *c, const void *bytes, size_t len)
{
	ssize_t n;
	do
		n = send(local_of(c)->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static ssize_t local_recv(duet__channel *c, void *buf, size_t size, bool wait)
{
	ssize_t n;
	do
		n = recv(local_of(c)->fd, buf, size, MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return -EPIPE;
	if (n < 0)
		return -errno;
	return (size_t)n > size ? -EMSGSIZE : n;
}

static int local_fd(duet__channel *c)
{
	return local_of(c)->fd;
}

/* The pair was made by us and handed to one process: there is nobody else it could be. */
static pid_t local_peer(duet__channel *c)
{
	(void)c;
	return 0;
}

static void local_close(duet__channel *c)
{
	shutdown(local_of(c)->fd, SHUT_RDWR); /* a child of the program may have it open, too */
	close(local_of(c)->fd);
	free(local_of(c));
}

const duet__transport duet__transport_local = {
	.name = "local",
	.open = local_open,
	.dial = local_dial,
	.send = local_send,
	.recv = local_recv,
	.fd = local_fd,
	.peer = local_peer,
	.close = local_close,
};
