/* Streams that a forked child inherits from inside a run: it shares the parent's epoll with them. */
#include "tests/lib/test.h"
#include "tests/loop/io/pair.h"
#include <duet/duet.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct pair pair;

static int read_line(void *arg)
{
	char line[16];
	ssize_t n = duet_stream_readline(pair.far, line, sizeof(line));

	(void)arg;
	return n < 0 ? (int)n : n == 3 ? 0 : -EPROTO;
}

static int fork_while_reading(void *arg)
{
	pid_t *child = arg;
	duet_task *reader;
	int status;

	pair = pair_open();
	reader = duet_spawn(read_line, NULL);
	CHECK_OK(duet_sleep(DUET_MS(1)));
	*child = fork();
	if (*child == 0)
		return 0;
	CHECK_EQ(waitpid(*child, &status, 0), *child);
	CHECK_EQ(status, 0);
	CHECK_OK(duet_stream_write(pair.near, "hi\n", 3));
	CHECK_OK(duet_await(reader));
	pair_close(&pair);
	return 0;
}

static int close_inherited(void *arg)
{
	(void)arg;
	pair_close(&pair);
	return 0;
}

/* A child that closes its copy of a stream, in a run of its own, leaves the parent's watched. */
TEST(fork_child_closes_its_copy_only)
{
	pid_t child = -1;
	int r;

	if (test_is_tsan())
		SKIP("forks inside a coroutine");
	r = duet_run(fork_while_reading, &child);
	if (child == 0)
		_exit(r == DUET_EFORKED && duet_run(close_inherited, NULL) == 0 ? 0 : 1);
	CHECK_OK(r);
}

static int fork_with_a_dry_stream(void *arg)
{
	pid_t *child = arg;
	int status;
	char c;

	pair = pair_open();
	CHECK_ERR(duet_timeout(DUET_MS(2), read_line, NULL), DUET_ETIMEDOUT);
	*child = fork();
	if (*child == 0)
		return 0;
	CHECK_OK(duet_stream_write(pair.near, "hi\n", 3));
	CHECK_EQ(waitpid(*child, &status, 0), *child);
	CHECK_EQ(status, 0);
	CHECK_EQ(duet_stream_read(pair.near, &c, 1), 1);
	pair_close(&pair);
	return 0;
}

static int answer_inherited(void *arg)
{
	CHECK_OK(read_line(arg));
	CHECK_OK(duet_stream_write(pair.far, "!", 1));
	pair_close(&pair);
	return 0;
}

/* A run of the child's own may serve a stream that the parent's loop has watched. */
TEST(fork_child_serves_what_it_inherited)
{
	pid_t child = -1;
	int r;

	if (test_is_tsan())
		SKIP("forks inside a coroutine");
	r = duet_run(fork_with_a_dry_stream, &child);
	if (child == 0)
		_exit(r == DUET_EFORKED && duet_run(answer_inherited, NULL) == 0 ? 0 : 1);
	CHECK_OK(r);
}
