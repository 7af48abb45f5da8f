#include "tests/lib/test.h"
#include <duet/duet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static duet_process *sh(const char *script, duet_process_stdio in, duet_process_stdio out,
			duet_process_stdio err)
{
	const char *argv[] = {"sh", "-c", script, NULL};

	return duet_process_open(
		&(duet_process_options){.argv = argv, .in = in, .out = out, .err = err});
}

static int sort_lines(void *arg)
{
	const char *argv[] = {"sort", "-r", NULL};
	duet_process *p = duet_process_open(&(duet_process_options){
		.argv = argv, .in = DUET_PROCESS_PIPE, .out = DUET_PROCESS_PIPE});
	char line[16];

	(void)arg;
	CHECK(p != NULL);
	CHECK_OK(duet_stream_write(duet_process_in(p), "a\nc\nb\n", 6));
	duet_process_close_in(p);
	duet_process_close_in(p);
	for (const char *want = "cba"; *want != '\0'; want++) {
		CHECK_EQ(duet_stream_readline(duet_process_out(p), line, sizeof(line)), 2);
		CHECK_EQ(line[0], *want);
	}
	CHECK_EQ(duet_stream_readline(duet_process_out(p), line, sizeof(line)), 0);
	CHECK_EQ(duet_process_wait(p), 0);
	CHECK_EQ(duet_process_wait(p), 0);
	CHECK_ERR(duet_process_kill(p, SIGTERM), -ESRCH);
	duet_process_close(p);
	return 0;
}

/* A filter is fed and read through streams. */
TEST(process_streams_in_and_out)
{
	CHECK_OK(duet_run(sort_lines, NULL));
}

static int statuses(void *arg)
{
	duet_process *p = sh("exit 3", 0, 0, 0);

	(void)arg;
	CHECK_EQ(duet_process_wait(p), 3);
	duet_process_close(p);
	p = sh("kill -9 $$", 0, 0, 0);
	CHECK_EQ(duet_process_wait(p), 256 + SIGKILL);
	duet_process_close(p);
	p = sh("echo out; echo err >&2; ls /proc/self/fd", DUET_PROCESS_NULL, DUET_PROCESS_PIPE,
	       DUET_PROCESS_TO_OUT);
	char text[256];
	CHECK_EQ(duet_stream_readline(duet_process_out(p), text, sizeof(text)), 4);
	CHECK_STR(text, "out\n");
	CHECK_EQ(duet_stream_readline(duet_process_out(p), text, sizeof(text)), 4);
	CHECK_STR(text, "err\n");
	CHECK_EQ(duet_stream_readuntil(duet_process_out(p), "3\n", 2, text, sizeof(text)), 8);
	CHECK_STR(text, "0\n1\n2\n3\n");
	CHECK_EQ(duet_stream_readline(duet_process_out(p), text, sizeof(text)), 0);
	CHECK_EQ(duet_process_wait(p), 0);
	duet_process_close(p);
	return 0;
}

/* Exit statuses and signals are told apart; the child inherits the three streams alone. */
TEST(process_status_and_descriptors)
{
	CHECK_OK(duet_run(statuses, NULL));
}

static int kill_sleepers(void *arg)
{
	duet_process *p = sh("sleep 100 & sleep 100", 0, 0, 0);
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(20)));
	CHECK_ERR(duet_process_wait(p), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK_OK(duet_process_kill(p, SIGTERM));
	CHECK_EQ(duet_process_wait(p), 256 + SIGTERM);
	duet_process_close(p);
	duet_process_close(sh("sleep 100 & sleep 100", 0, 0, 0));
	duet_process_close(NULL);
	return 0;
}

/* Close kills what still runs, with its children, and leaves no zombie. */
TEST(process_close_kills_and_reaps)
{
	CHECK_OK(duet_run(kill_sleepers, NULL));
}

static int start_badly(void *arg)
{
	const char *argv[] = {"/nowhere/program", NULL};

	(void)arg;
	CHECK(duet_process_open(&(duet_process_options){.argv = argv}) == NULL);
	CHECK_EQ(errno, ENOENT);
	CHECK_HAS(duet_errmsg(), "/nowhere/program");
	CHECK(duet_process_open(NULL) == NULL);
	CHECK(duet_process_open(
		      &(duet_process_options){.argv = argv, .out = DUET_PROCESS_TO_OUT}) == NULL);
	return 0;
}

/* What cannot be started says what and why, and leaves nothing. */
TEST(process_start_errors)
{
	CHECK_OK(duet_run(start_badly, NULL));
}

static int spawn_many(void *ctx, size_t i)
{
	const char *argv[] = {"true", NULL};
	duet_process *p = duet_process_open(&(duet_process_options){
		.argv = argv, .in = DUET_PROCESS_PIPE, .out = DUET_PROCESS_PIPE});

	(void)ctx, (void)i;
	CHECK(p != NULL);
	CHECK_EQ(duet_process_wait(p), 0);
	duet_process_close(p);
	return 0;
}

static int run_many(void *arg)
{
	(void)arg;
	return duet_map(200, 20, spawn_many, NULL, NULL);
}

/* Many children at once leave neither descriptors nor zombies. */
TEST(process_many)
{
	CHECK_OK(duet_run(run_many, NULL));
}
