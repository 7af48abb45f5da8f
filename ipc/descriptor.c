#include "ipc/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int duet__fd_above(int fd, int first)
{
	if (fd < 0 || fd >= first)
		return fd;
	int higher = fcntl(fd, F_DUPFD_CLOEXEC, first);
	if (higher < 0)
		return fd;
	close(fd);
	return higher;
}

int duet__fd_raise(int fd)
{
	return duet__fd_above(fd, STDERR_FILENO + 1);
}

int duet__fd_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	fds[0] = duet__fd_raise(fds[0]);
	fds[1] = duet__fd_raise(fds[1]);
	return 0;
}
