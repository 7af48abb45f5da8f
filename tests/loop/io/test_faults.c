/* ctest-labels: threads */
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "tests/loop/io/pair.h"
#include <duet/duet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Under a shortage a call works, or says so, or tells what the shortage did to the other side. */
static int check(intmax_t r)
{
	if (r < 0 && r != DUET_ENOMEM && r != -EMFILE && r != -EAGAIN && r != DUET_ECANCELED &&
	    r != DUET_ECLOSED && r != -ECONNRESET && r != -EPIPE)
		CHECK_OK(r);
	return r < 0 ? (int)r : 0;
}

static int check_made(const void *made)
{
	return made == NULL ? check(-errno) : 0;
}

static char path[256];

static int use_files(void *arg)
{
	duet_buf text = {0};
	int r;

	(void)arg;
	r = check(duet_file_write(path, DUET_STR("text")));
	if (r == 0)
		r = check(duet_file_read(path, &text));
	if (r < 0)
		CHECK(text.data == NULL);
	duet_buf_free(&text);
	check(duet_wait_fd(1, DUET_WRITE));
	return r;
}

static int raise_it(void *arg)
{
	struct sigaction now;

	(void)arg;
	CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
	return now.sa_handler == SIG_DFL ? 0 : kill(getpid(), SIGUSR1);
}

static int use_signals(void *arg)
{
	duet_task *t = duet_spawn(raise_it, NULL);
	duet_scope s;
	int r = duet_scope_enter(&s, DUET_MS(50)); /* if nobody was there to raise it */

	(void)arg;
	if (r == 0) {
		r = check(duet_signal_wait((int[]){SIGUSR1}, 1));
		duet_scope_exit(&s);
	}
	check(duet_await(t));
	return r;
}

static int use_processes(void *arg)
{
	const char *argv[] = {"cat", NULL};
	duet_buf out = {0};
	int r = check(duet_process_run(&(duet_process_options){.argv = argv}, DUET_STR("text"),
				       &out, NULL));

	(void)arg;
	if (r < 0)
		CHECK(out.data == NULL);
	duet_buf_free(&out);
	return r;
}

static int echo(void *context, duet_stream *client)
{
	char line[64];
	ssize_t n;

	(void)context;
	while ((n = duet_stream_readline(client, line, sizeof(line))) > 0)
		if ((n = duet_stream_write(client, line, (size_t)n)) < 0)
			break;
	return check(n);
}

static int serve(void *listener)
{
	return check(duet_serve(listener, echo, NULL, 2));
}

static int talk(void *url)
{
	duet_stream *s = duet_connect(url);
	duet_buf rest = {0};
	char line[64];
	int r = check_made(s);

	if (r == 0)
		r = check(duet_stream_printf(s, "%d\n%d\n", 1, 2));
	if (r == 0)
		r = check(duet_stream_readline(s, line, sizeof(line)));
	if (r == 0)
		duet_stream_shutdown(s);
	if (r == 0)
		r = check(duet_stream_readall(s, 0, &rest));
	duet_buf_free(&rest);
	duet_stream_close(s);
	return r;
}

static int use_streams(void *arg)
{
	duet_listener *l = duet_listen(arg);
	duet_task *server;
	char url[200];
	int r = check_made(l);

	if (r < 0)
		return r;
	server = duet_spawn(serve, l);
	snprintf(url, sizeof(url), "%s", duet_listener_url(l));
	if (duet_listener_port(l) > 0)
		snprintf(url, sizeof(url), "tcp://localhost:%d", duet_listener_port(l));
	CHECK_OK(duet_yield());
	if (server != NULL) { /* which may have given up: then nobody answers */
		r = duet_timeout(DUET_MS(300), talk, url);
		r = check(r == DUET_ETIMEDOUT && duet_done(server) ? 0 : r);
	}
	duet_listener_close(l);
	check(duet_await(server));
	return r;
}

struct errand {
	duet_fn *fn;
	void *arg;
};

static int run(void *arg)
{
	const struct errand *e = arg;

	return check(duet_run(e->fn, e->arg));
}

static void sweep(duet_fn *fn, void *arg, int kinds, enum fault_span span)
{
	struct errand e = {fn, arg};

	CHECK_GE(fault_sweep(kinds, span, run, &e), 1);
}

static void sweep_once_and_for_ever(duet_fn *fn, void *arg)
{
	sweep(fn, arg, FAULT_ALLOC, FAULT_ONCE);
	sweep(fn, arg, FAULT_ALLOC, FAULT_FROM_THEN_ON);
	sweep(fn, arg, FAULT_ANY, FAULT_ONCE);
}

/* Each allocation, descriptor and thread that files and waits need may fail. */
TEST(files_survive_every_shortage)
{
	snprintf(path, sizeof(path), "%s/file", test_scratch());
	sweep_once_and_for_ever(use_files, NULL);
	sweep(use_files, NULL, FAULT_ANY, FAULT_FROM_THEN_ON);
}

/* The same for signals: the handler never stays. */
TEST_WITHIN(signals_survive_every_shortage, 40)
{
	struct sigaction now;

	sweep_once_and_for_ever(use_signals, NULL);
	sweep(use_signals, NULL, FAULT_ANY, FAULT_FROM_THEN_ON);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
	CHECK(now.sa_handler == SIG_DFL);
}

/* The same for child processes: none stays. */
TEST_WITHIN(processes_survive_every_shortage, 40)
{
	sweep_once_and_for_ever(use_processes, NULL);
	sweep(use_processes, NULL, FAULT_ANY, FAULT_FROM_THEN_ON);
}

/* The same for a server and its client, over TCP by name and over Unix sockets.  Descriptors fail
 * once only: for one that never comes, a server waits. */
TEST_WITHIN(streams_survive_every_shortage, 60)
{
	char url[256];

	snprintf(url, sizeof(url), "unix://%s/s", test_scratch());
	sweep_once_and_for_ever(use_streams, (void *)"tcp://127.0.0.1:0");
	sweep_once_and_for_ever(use_streams, url);
	CHECK_EQ(access(url + 7, F_OK), -1);
}
