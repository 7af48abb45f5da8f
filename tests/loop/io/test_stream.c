#include "tests/lib/test.h"
#include <duet/duet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int echo(void *arg)
{
	duet_stream *s = arg;
	char line[64];
	ssize_t n;

	while ((n = duet_stream_readline(s, line, sizeof(line))) > 0)
		CHECK_OK(duet_stream_write(s, line, (size_t)n));
	duet_stream_close(s);
	return 0;
}

static int serve(void *arg)
{
	duet_group *clients = duet_group_open();
	duet_stream *s;

	while ((s = duet_accept(arg)) != NULL)
		CHECK_OK(duet_group_spawn(clients, echo, s));
	CHECK_EQ(errno, ECANCELED);
	return duet_group_close(clients);
}

static char url[256];

static int talk(void *ctx, size_t i)
{
	duet_stream *s = duet_connect(ctx);
	char text[32], back[32];

	CHECK(s != NULL);
	for (int k = 0; k < 3; k++) {
		int n = snprintf(text, sizeof(text), "client %zu line %d\n", i, k);
		CHECK_OK(duet_stream_write(s, text, (size_t)n));
		CHECK_EQ(duet_stream_readline(s, back, sizeof(back)), n);
		CHECK_STR(back, text);
	}
	CHECK_OK(duet_stream_shutdown(s));
	CHECK_EQ(duet_stream_read(s, back, sizeof(back)), 0);
	duet_stream_close(s);
	return 0;
}

static int echo_run(void *arg)
{
	duet_listener *l = duet_listen(arg);
	duet_task *server;

	CHECK(l != NULL);
	if (duet_listener_port(l) > 0)
		snprintf(url, sizeof(url), "tcp://localhost:%d", duet_listener_port(l));
	else
		snprintf(url, sizeof(url), "%s", (char *)arg);
	server = duet_spawn(serve, l);
	CHECK_OK(duet_map(200, 50, talk, url, NULL));
	CHECK_OK(duet_cancel_await(server));
	duet_listener_close(l);
	return 0;
}

/* Many clients talk to a server of coroutines over TCP, whose name is looked up off the loop. */
TEST(stream_echo_over_tcp)
{
	CHECK_OK(duet_run(echo_run, (void *)"tcp://127.0.0.1:0"));
}

/* The same over a Unix socket, whose file is gone afterwards. */
TEST(stream_echo_over_unix)
{
	char path[200];

	snprintf(path, sizeof(path), "unix://%s/sock", test_scratch());
	CHECK_OK(duet_run(echo_run, path));
	CHECK_EQ(access(path + 7, F_OK), -1);
	CHECK_OK(duet_run(echo_run, path));
}

static duet_stream *pair[2];

static int read_pieces(void *arg)
{
	char buf[64];

	(void)arg;
	CHECK_EQ(duet_stream_readline(pair[0], buf, sizeof(buf)), 6);
	CHECK_STR(buf, "first\n");
	CHECK_ERR(duet_stream_readline(pair[0], buf, 4), -EMSGSIZE);
	CHECK_EQ(duet_stream_readuntil(pair[0], "--", 2, buf, sizeof(buf)), 8);
	CHECK_STR(buf, "second--");
	CHECK_OK(duet_stream_readn(pair[0], buf, 3));
	CHECK(memcmp(buf, "abc", 3) == 0);
	CHECK_EQ(duet_stream_readline(pair[0], buf, sizeof(buf)), 4);
	CHECK_STR(buf, "last");
	CHECK_EQ(duet_stream_readline(pair[0], buf, sizeof(buf)), 0);
	CHECK_ERR(duet_stream_readn(pair[0], buf, 1), DUET_ECLOSED);
	return 0;
}

static int with_pair(duet_fn *fn)
{
	int fds[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (int i = 0; i < 2; i++)
		CHECK((pair[i] = duet_stream_from_fd(fds[i])) != NULL);
	return fn(NULL);
}

static int write_bytewise(void *arg)
{
	static const char text[] = "first\nsecond--abclast";
	size_t step = (size_t)(intptr_t)arg;

	for (size_t i = 0; i < sizeof(text) - 1; i += step) {
		size_t n = sizeof(text) - 1 - i < step ? sizeof(text) - 1 - i : step;
		CHECK_OK(duet_stream_write(pair[1], text + i, n));
		CHECK_OK(duet_yield());
	}
	duet_stream_close(pair[1]);
	return 0;
}

static intptr_t step;

static int read_while_written(void *arg)
{
	duet_task *writer = duet_spawn(write_bytewise, (void *)step);

	(void)arg;
	CHECK_OK(read_pieces(NULL));
	duet_stream_close(pair[0]);
	return duet_await(writer);
}

static int run_pieces(void *arg)
{
	(void)arg;
	for (step = 1; step < 22; step++)
		CHECK_OK(with_pair(read_while_written));
	return 0;
}

/* Lines, separators and counts are found wherever the bytes were cut. */
TEST(stream_reads_do_not_depend_on_cuts)
{
	CHECK_OK(duet_run(run_pieces, NULL));
}

enum { BIG = 4 << 20 };

static int write_big(void *arg)
{
	char *data = malloc(BIG);

	(void)arg;
	memset(data, 'x', BIG);
	CHECK_OK(duet_stream_write(pair[1], data, BIG));
	free(data);
	duet_stream_close(pair[1]);
	return 0;
}

static int read_big(void *arg)
{
	duet_task *a = duet_spawn(write_big, NULL);
	char buf[10000];
	ssize_t n;
	size_t total = 0;

	(void)arg;
	while ((n = duet_stream_read(pair[0], buf, sizeof(buf))) > 0)
		total += (size_t)n;
	CHECK_EQ(n, 0);
	CHECK_EQ(total, BIG);
	duet_stream_close(pair[0]);
	return duet_await(a);
}

static int run_big(void *arg)
{
	(void)arg;
	return with_pair(read_big);
}

/* A write suspends while the other side is slow. */
TEST(stream_write_suspends_until_there_is_room)
{
	CHECK_OK(duet_run(run_big, NULL));
}

static int read_one(void *arg)
{
	char c;

	(void)arg;
	return (int)duet_stream_read(pair[0], &c, 1);
}

static int close_under_reader(void *arg)
{
	duet_task *t = duet_spawn(read_one, NULL);

	(void)arg;
	CHECK_OK(duet_yield());
	CHECK_ERR(read_one(NULL), DUET_EBUSY);
	duet_stream_close(pair[0]);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	CHECK_ERR(duet_stream_write(pair[1], "x", 1), -EPIPE);
	duet_stream_close(pair[1]);
	return 0;
}

static int run_close(void *arg)
{
	(void)arg;
	return with_pair(close_under_reader);
}

/* Closing wakes whoever waits; writing to nobody is an error, not a signal. */
TEST(stream_close_wakes_its_reader)
{
	CHECK_OK(duet_run(run_close, NULL));
}

static int connect_badly(void *arg)
{
	duet_listener *l = duet_listen("tcp://127.0.0.1:0");
	char gone[64];

	(void)arg;
	snprintf(gone, sizeof(gone), "tcp://127.0.0.1:%d", duet_listener_port(l));
	duet_listener_close(l);
	CHECK(duet_connect(gone) == NULL);
	CHECK_EQ(errno, ECONNREFUSED);
	CHECK_HAS(duet_errmsg(), gone + 6);
	CHECK_HAS(duet_errmsg(), "connect");
	CHECK(duet_connect("127.0.0.1:80") == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK(duet_connect("tcp://:80") == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK(duet_connect("tcp://127.0.0.1:99999") == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK(duet_connect("unix:///nowhere/at/all") == NULL);
	CHECK_EQ(errno, ENOENT);
	CHECK(duet_listen("tcp://127.0.0.1:http") == NULL);
	CHECK_EQ(errno, EINVAL);
	return 0;
}

/* What cannot be connected says where and why. */
TEST(connect_errors_name_the_address)
{
	CHECK_OK(duet_run(connect_badly, NULL));
}
