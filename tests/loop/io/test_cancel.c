/* ctest-wrap: clock_gettime */
#include "loop/core/loop.h"
#include "tests/lib/test.h"
#include <duet/duet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* When the victim suspends for the chosen time, it is cancelled at the end of the turn, or by the
 * next task that runs. */
static struct {
	duet_task *victim;
	int at, seen;
	bool at_once;
} chosen;

static duet__hook hook;

static void cancel_at_turn_end(duet__hook *h)
{
	(void)h;
	if (chosen.victim != NULL)
		duet_cancel(chosen.victim);
}

static int cancel_now(void *arg)
{
	(void)arg;
	cancel_at_turn_end(NULL);
	return 0;
}

static void count_suspension(void)
{
	if (chosen.victim == NULL || duet_self() != chosen.victim || ++chosen.seen != chosen.at)
		return;
	if (chosen.at_once)
		duet_detach(duet_spawn(cancel_now, NULL));
	else
		duet__hook_arm(duet__loop(), &hook);
}

/* Whoever lets go of the loop reads this clock, and nobody else does. */
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	if (clock == CLOCK_MONOTONIC_COARSE)
		count_suspension();
	return __real_clock_gettime(clock, time);
}

/* --- what the victim does, and what it needs another for --- */

enum { MUCH = 400000 };

static duet_listener *listener;
static char path[256];
static int pipe_ends[2];

/* Fine, or cancelled; nothing else. */
static int check(intmax_t r)
{
	if (r < 0)
		CHECK_ERR(r, DUET_ECANCELED);
	return r < 0 ? (int)r : 0;
}

static int check_stream(const duet_stream *s)
{
	return s == NULL ? check(-errno) : 0;
}

static int exchange(duet_stream *s)
{
	char *much = calloc(1, MUCH), line[64];
	duet_buf rest = {0};
	int r = check(duet_stream_printf(s, "hello\n"));

	if (r == 0)
		r = check(duet_stream_readline(s, line, sizeof(line)));
	if (r == 0)
		r = check(duet_stream_write(s, much, MUCH));
	if (r == 0)
		r = check(duet_stream_readn(s, much, MUCH));
	if (r == 0)
		duet_stream_shutdown(s);
	if (r == 0)
		r = check(duet_stream_readall(s, 0, &rest));
	duet_buf_free(&rest);
	free(much);
	return r;
}

static int be_client(void *arg)
{
	char url[64];
	duet_stream *s;
	int r;

	(void)arg;
	snprintf(url, sizeof(url), "tcp://localhost:%d", duet_listener_port(listener));
	s = duet_connect(url);
	r = check_stream(s);
	if (r == 0)
		r = exchange(s);
	duet_stream_close(s);
	return r;
}

static int echo(void *context, duet_stream *client)
{
	char buf[5000];
	ssize_t n;

	(void)context;
	while ((n = duet_stream_read(client, buf, sizeof(buf))) > 0)
		if ((n = duet_stream_write(client, buf, (size_t)n)) < 0)
			break;
	return (int)n;
}

static int be_server(void *arg)
{
	return check(duet_serve(listener, echo, arg, 1));
}

static int be_plain_server(void *arg)
{
	duet_stream *s = duet_accept(listener);
	int r = check_stream(s);

	if (r == 0)
		r = echo(arg, s);
	duet_stream_close(s);
	return r == -EPIPE || r == -ECONNRESET ? 0 : check(r);
}

/* A client that does not mind how its server ends. */
static int visit(void *arg)
{
	duet_stream *s = duet_connect(duet_listener_url(listener));
	char *much = calloc(1, MUCH);

	(void)arg;
	if (duet_stream_write(s, much, MUCH) == 0)
		duet_stream_readn(s, much, MUCH);
	free(much);
	duet_stream_close(s);
	return 0;
}

static int use_files(void *arg)
{
	duet_buf text = {0};
	int r = check(duet_file_write(path, DUET_STR("text")));

	(void)arg;
	if (r == 0)
		r = check(duet_file_read(path, &text));
	duet_buf_free(&text);
	return r;
}

static int use_processes(void *arg)
{
	const char *argv[] = {"cat", NULL}, *sleeper[] = {"sleep", "100", NULL};
	duet_buf out = {0};
	int r = check(duet_process_run(&(duet_process_options){.argv = argv}, DUET_STR("text"),
				       &out, NULL));
	duet_process *p;

	(void)arg;
	if (r == 0)
		duet_buf_free(&out);
	p = duet_process_open(&(duet_process_options){.argv = sleeper});
	CHECK(p != NULL);
	duet_process_kill(p, SIGTERM);
	if (r == 0)
		r = check(duet_process_wait(p));
	duet_process_close(p);
	return r;
}

static int use_descriptors(void *arg)
{
	char c;
	int r = check(duet_wait_fd(pipe_ends[0], DUET_READ));

	(void)arg;
	if (r == 0)
		CHECK_EQ(read(pipe_ends[0], &c, 1), 1);
	return r == 0 ? check(duet_signal_wait((int[]){SIGUSR1}, 1)) : r;
}

static int feed_descriptors(void *arg)
{
	(void)arg;
	CHECK_EQ(write(pipe_ends[1], "x", 1), 1);
	return 0;
}

static int raise_signal(void *arg)
{
	struct sigaction now;

	(void)arg;
	do {
		CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
	} while (now.sa_handler == SIG_DFL && duet_sleep(DUET_MS(1)) == 0);
	if (now.sa_handler != SIG_DFL)
		CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	return 0;
}

static int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

static const struct {
	const char *name;
	duet_fn *victim, *other, *another;
	int suspensions; /* at least */
} worlds[] = {
	{"client", be_client, be_server, do_nothing, 5},
	{"server", be_server, visit, visit, 2},
	{"plain server", be_plain_server, visit, do_nothing, 2},
	{"files", use_files, do_nothing, do_nothing, 2},
	{"processes", use_processes, do_nothing, do_nothing, 3},
	{"descriptors", use_descriptors, feed_descriptors, raise_signal, 2},
};

struct others {
	duet_task *task[2];
};

static int join_others(void *arg)
{
	struct others *o = arg;

	return duet_gather(o->task, 2, NULL);
}

static int run_world(void *arg)
{
	size_t i = *(size_t *)arg;
	struct others o;
	duet_task *others;
	int r;

	CHECK((listener = duet_listen("tcp://127.0.0.1:0")) != NULL);
	CHECK_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
	o.task[0] = duet_spawn(worlds[i].other, NULL);
	o.task[1] = duet_spawn(worlds[i].another, NULL);
	chosen.victim = duet_spawn(worlds[i].victim, NULL);
	others = duet_spawn(join_others, &o);
	if (worlds[i].victim == be_server) { /* it ends with its listener */
		CHECK_OK(duet_wait((duet_task *[]){chosen.victim, others}, 2, 1, DUET_FOREVER));
		duet_listener_close(listener);
		listener = NULL;
	}
	r = duet_await(chosen.victim);
	chosen.victim = NULL;
	CHECK(r >= 0 || r == DUET_ECANCELED);
	duet_listener_close(listener);
	duet_cancel_await(others);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	return 0;
}

/* -> whether the victim came that far */
static bool run_cancelled_at(size_t world, int at, bool at_once)
{
	test_note("%s, suspension %d%s", worlds[world].name, at, at_once ? ", at once" : "");
	chosen.at = at;
	chosen.seen = 0;
	chosen.at_once = at_once;
	duet__hook_init(&hook, cancel_at_turn_end);
	CHECK_OK(duet_run(run_world, &world));
	return chosen.seen >= at;
}

enum { MOST = 60 };

/* Whatever a task does with the outside: cancelled at any of its suspensions it ends at once, and
 * leaves neither descriptors nor processes nor memory. */
TEST_WITHIN(io_cancelled_at_every_suspension_leaves_nothing, 60)
{
	snprintf(path, sizeof(path), "%s/file", test_scratch());
	for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
		for (int at_once = 0; at_once <= 1; at_once++) {
			int k = 1;
			while (k < MOST && run_cancelled_at(i, k, at_once))
				k++;
			CHECK_GE(k - 1, worlds[i].suspensions);
		}
}
