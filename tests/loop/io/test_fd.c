#include "tests/lib/test.h"
#include <duet/duet.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

static int wait_fd(void *arg)
{
	return duet_wait_fd((int)(intptr_t)arg, DUET_READ);
}

static int two_waiters(void *arg)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	duet_task *t[2] = {duet_spawn(wait_fd, (void *)(intptr_t)fd),
			   duet_spawn(wait_fd, (void *)(intptr_t)fd)};
	int results[2];

	(void)arg;
	CHECK_EQ(duet_wait_fd(fd, DUET_READ | DUET_WRITE), DUET_WRITE);
	CHECK_EQ(eventfd_write(fd, 1), 0);
	CHECK_OK(duet_gather(t, 2, results));
	CHECK_EQ(results[0], DUET_READ);
	CHECK_EQ(results[1], DUET_READ);
	close(fd);
	return 0;
}

/* Any number of tasks may wait for one descriptor. */
TEST(fd_wakes_all_its_waiters)
{
	CHECK_OK(duet_run(two_waiters, NULL));
}

static int odd_ones(void *arg)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	(void)arg;
	CHECK_EQ(duet_wait_fd(fd, DUET_READ), DUET_READ);
	close(fd);
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK_EQ(duet_wait_fd(fd, DUET_READ | DUET_WRITE), DUET_READ | DUET_WRITE);
	close(fd);
	CHECK_ERR(duet_wait_fd(fd, DUET_READ), -EBADF);
	CHECK_ERR(duet_wait_fd(0, 0), DUET_EINVAL);
	CHECK_ERR(duet_wait_fd(0, 8), DUET_EINVAL);
	return 0;
}

/* What epoll refuses is always ready, and nothing is printed about it; closed descriptors are an
 * error. */
TEST(fd_regular_and_bad)
{
	CHECK_OK(duet_run(odd_ones, NULL));
}

static int cancel_wait(void *arg)
{
	int fds[2];
	duet_scope s;

	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_OK(duet_scope_enter(&s, DUET_MS(5)));
	CHECK_ERR(duet_wait_fd(fds[0], DUET_READ), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	close(fds[1]);
	CHECK_EQ(duet_wait_fd(fds[0], DUET_READ), DUET_READ);
	close(fds[0]);
	return 0;
}

/* A wait can be cancelled; a hang-up wakes it. */
TEST(fd_wait_can_be_cancelled)
{
	CHECK_OK(duet_run(cancel_wait, NULL));
}

static int path_only(void *arg)
{
	char path[256];
	int fd;

	(void)arg;
	snprintf(path, sizeof(path), "%s/fifo", getenv("TMPDIR"));
	CHECK_EQ(mkfifo(path, 0600), 0);
	fd = open(path, O_PATH | O_CLOEXEC);
	unlink(path);
	CHECK_ERR(duet_wait_fd(fd, DUET_READ), -EBADF);
	close(fd);
	return 0;
}

/* A descriptor that is but a path is refused, in silence. */
TEST(fd_path_is_refused)
{
	CHECK_OK(duet_run(path_only, NULL));
}
