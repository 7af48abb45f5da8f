/* Not a test of duet: faults planted on purpose, each of which the runner must catch.
 * runner.sh knows the verdicts. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(good_passes)
{
	int fd = open("/dev/null", O_RDONLY);

	CHECK(fd >= 0);
	CHECK_EQ(close(fd), 0);
	CHECK_STR("a", "a");
	CHECK_HAS("abc", "bc");
}

TEST(good_plumbing_allowed_passes)
{
	int fds[2];

	test_allow_fds(2);
	CHECK_EQ(pipe(fds), 0);
}

TEST(good_skip_is_skipped)
{
	SKIP("on purpose");
}

TEST(bad_check_fails)
{
	CHECK_EQ(1 + 1, 3);
}

TEST(bad_fd_left_fails)
{
	CHECK(open("/dev/null", O_RDONLY) >= 0);
}

TEST(bad_socket_left_fails)
{
	test_allow_fds(1);
	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
}

TEST(bad_zombie_left_fails)
{
	siginfo_t info;

	if (fork() == 0)
		_exit(0);
	CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
}

TEST(bad_orphan_left_fails)
{
	if (fork() == 0) {
		if (fork() == 0)
			pause();
		_exit(0);
	}
	CHECK(wait(NULL) > 0);
}

TEST(bad_file_left_fails)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/left", getenv("TMPDIR"));
	f = fopen(path, "w");
	CHECK(f != NULL);
	fclose(f);
}

TEST(bad_check_in_a_forked_child_fails)
{
	if (fork() == 0)
		CHECK(false);
	CHECK(wait(NULL) > 0);
}

TEST(bad_crash_fails)
{
	raise(SIGSEGV);
}

TEST_WITHIN(bad_hang_fails, 1)
{
	pause();
}
