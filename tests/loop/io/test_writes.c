#include "tests/lib/test.h"
#include "tests/loop/io/pair.h"
#include <duet/duet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 300000, BLOCKS = 5 };

static struct pair pair;

static int write_block(void *arg)
{
	char *block = malloc(BLOCK);
	int r;

	memset(block, *(char *)arg, BLOCK);
	r = duet_stream_write(pair.near, block, BLOCK);
	free(block);
	return r;
}

static int take_turns(void *arg)
{
	static char names[BLOCKS] = "abcde";
	duet_task *writers[BLOCKS];
	char *block = malloc(BLOCK);

	(void)arg;
	pair = pair_open();
	for (int i = 0; i < BLOCKS; i++)
		writers[i] = duet_spawn(write_block, &names[i]);
	for (int i = 0; i < BLOCKS; i++) {
		CHECK_OK(duet_stream_readn(pair.far, block, BLOCK));
		for (int k = 0; k < BLOCK; k++)
			CHECK(block[k] == names[i]);
	}
	free(block);
	CHECK_OK(duet_gather(writers, BLOCKS, NULL));
	pair_close(&pair);
	return 0;
}

/* What several tasks write comes out one behind the other, in the order in which they asked. */
TEST(write_by_many_tasks_takes_turns)
{
	CHECK_OK(duet_run(take_turns, NULL));
}

static int cancel_one_writer(void *arg)
{
	static char names[3] = "xyz";
	duet_task *writers[3];
	duet_buf all = {0};

	(void)arg;
	pair = pair_open();
	for (int i = 0; i < 3; i++)
		writers[i] = duet_spawn(write_block, &names[i]);
	CHECK_OK(duet_yield());
	CHECK_ERR(duet_cancel_await(writers[1]), DUET_ECANCELED);
	for (int i = 0; i < 2 * BLOCK; i++) {
		char c;
		CHECK_OK(duet_stream_readn(pair.far, &c, 1));
		CHECK_EQ(c, i < BLOCK ? 'x' : 'z');
	}
	CHECK_OK(duet_await(writers[0]));
	CHECK_OK(duet_await(writers[2]));
	duet_stream_close(pair.near);
	pair.near = NULL;
	CHECK_OK(duet_stream_readall(pair.far, 0, &all));
	CHECK_EQ(all.len, 0);
	duet_buf_free(&all);
	pair_close(&pair);
	return 0;
}

/* A writer that is cancelled before its turn has written nothing, and the turn passes it by. */
TEST(write_cancelled_before_its_turn)
{
	CHECK_OK(duet_run(cancel_one_writer, NULL));
}

static int read_one(void *arg)
{
	char c;

	(void)arg;
	return (int)duet_stream_read(pair.near, &c, 1);
}

static int report_words(void *arg)
{
	duet_fn *fn = *(duet_fn **)arg;
	int r = fn((void *)"c");

	CHECK_HAS(duet_errmsg(), "another task closed the stream");
	return r;
}

static int close_under_all(void *arg)
{
	static duet_fn *const doings[] = {read_one, write_block, write_block, write_block};
	duet_task *tasks[4];
	int results[4];

	(void)arg;
	pair = pair_open();
	for (int i = 0; i < 4; i++)
		tasks[i] = duet_spawn(report_words, (void *)&doings[i]);
	CHECK_OK(duet_sleep(DUET_MS(1)));
	duet_stream_close(pair.near);
	CHECK_EQ(duet_settle(tasks, 4, results), 4);
	for (int i = 0; i < 4; i++)
		CHECK_ERR(results[i], DUET_ECLOSED);
	duet_stream_close(pair.far);
	return 0;
}

/* Closing ends every call that is under way, with words that say why. */
TEST(close_ends_reader_writer_and_those_in_line)
{
	CHECK_OK(duet_run(close_under_all, NULL));
}

static volatile sig_atomic_t raised;

static void on_pipe(int signal)
{
	(void)signal;
	raised++;
}

static int write_to_nobody(void *arg)
{
	struct pair p = pair_open();
	duet_stream *s;
	int fds[2];

	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	s = duet_stream_from_fd(fds[1]);
	CHECK_ERR(duet_stream_write(s, "x", 1), -EPIPE);
	CHECK_HAS(duet_errmsg(), "write to");
	CHECK_ERR(duet_stream_shutdown(s), -ENOTSOCK);
	duet_stream_close(s);
	duet_stream_close(p.far);
	CHECK_ERR(duet_stream_printf(p.near, "%d\n", 7), -EPIPE);
	duet_stream_close(p.near);
	return 0;
}

/* Writing to nobody is an error, never a signal, over pipes and sockets alike. */
TEST(write_to_nobody_raises_no_sigpipe)
{
	signal(SIGPIPE, on_pipe);
	CHECK_OK(duet_run(write_to_nobody, NULL));
	CHECK_EQ(raised, 0);
}

static int own_descriptors(void *arg)
{
	duet_stream *s;
	int fds[2], copy;

	(void)arg;
	CHECK(duet_stream_from_fd(-1) == NULL);
	CHECK_EQ(errno, EBADF);
	CHECK_EQ(pipe(fds), 0);
	copy = dup(fds[0]); /* as a terminal is shared with the shell */
	s = duet_stream_from_fd(fds[0]);
	CHECK_EQ(duet_stream_fd(s), fds[0]);
	CHECK(fcntl(copy, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	duet_stream_close(s);
	CHECK((fcntl(copy, F_GETFL) & O_NONBLOCK) == 0);
	CHECK_EQ(fcntl(fds[0], F_GETFD), -1);
	close(copy);
	close(fds[1]);
	return 0;
}

/* A descriptor given to a stream blocks again, for whoever shares it, once the stream is closed. */
TEST(stream_from_fd_gives_back_its_mode)
{
	CHECK_OK(duet_run(own_descriptors, NULL));
}

static int without_streams(void *arg)
{
	char c;

	(void)arg;
	CHECK_ERR(duet_stream_read(NULL, &c, 1), DUET_EINVAL);
	CHECK_ERR(duet_stream_write(NULL, &c, 1), DUET_EINVAL);
	CHECK_ERR(duet_stream_shutdown(NULL), DUET_EINVAL);
	CHECK_ERR(duet_stream_peer(NULL, &c, 1), DUET_EINVAL);
	CHECK_EQ(duet_stream_fd(NULL), -1);
	duet_stream_close(NULL);
	duet_listener_close(NULL);
	return 0;
}

/* No stream is an error, not a crash; no task, too. */
TEST(stream_calls_without_one)
{
	char c;

	CHECK_OK(duet_run(without_streams, NULL));
	CHECK_ERR(duet_stream_read(NULL, &c, 1), DUET_ENOTASK);
	CHECK(duet_connect("tcp://127.0.0.1:1") == NULL);
	CHECK_HAS(duet_errmsg(), "task");
}
