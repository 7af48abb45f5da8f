#include "tests/lib/test.h"
#include <duet/duet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

static int stream_output(void *arg)
{
	duet_process *p = sh("for i in 1 2 3; do echo $i; read go; done", DUET_PROCESS_PIPE,
			     DUET_PROCESS_PIPE, 0);
	char line[8];

	(void)arg;
	for (int i = 1; i <= 3; i++) {
		CHECK_EQ(duet_stream_readline(duet_process_out(p), line, sizeof(line)), 2);
		CHECK_EQ(atoi(line), i);
		CHECK_OK(duet_stream_printf(duet_process_in(p), "go\n"));
	}
	CHECK_EQ(duet_process_wait(p), 0);
	duet_process_close(p);
	return 0;
}

/* Output comes while the program still runs: a dialogue is possible. */
TEST(process_output_comes_as_it_is_written)
{
	CHECK_OK(duet_run(stream_output, NULL));
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
	return 0;
}

/* Exit statuses and signals are told apart. */
TEST(process_status_or_signal)
{
	CHECK_OK(duet_run(statuses, NULL));
}

static int list_descriptors(void *arg)
{
	duet_process *p = sh("echo out; echo err >&2; ls /proc/self/fd; cat /dev/stdin; "
			     "cat /proc/self/status",
			     DUET_PROCESS_NULL, DUET_PROCESS_PIPE, DUET_PROCESS_TO_OUT);
	duet_buf text = {0};
	const char *ignored;

	(void)arg;
	CHECK_OK(duet_stream_readall(duet_process_out(p), 0, &text));
	CHECK(strncmp(text.data, "out\nerr\n0\n1\n2\n3\nName:", 21) == 0);
	CHECK_HAS(text.data, "SigBlk:\t0000000000000000\n");
	CHECK((ignored = strstr(text.data, "SigIgn:\t")) != NULL);
	CHECK_EQ(strtoull(ignored + 8, NULL, 16) & 0x7fffffff, 0);
	CHECK_EQ(duet_process_wait(p), 0);
	duet_buf_free(&text);
	duet_process_close(p);
	return 0;
}

/* The child inherits the three streams, and neither descriptors nor signals beside them. */
TEST(process_inherits_nothing_else)
{
	int leak = dup(1);

	signal(SIGUSR1, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	CHECK_OK(duet_run(list_descriptors, NULL));
	close(leak);
}

static int without_standard_streams(void *arg)
{
	duet_process *p = sh("cat; echo to out; echo to err >&2", DUET_PROCESS_PIPE,
			     DUET_PROCESS_PIPE, DUET_PROCESS_PIPE);
	char line[16];

	(void)arg;
	CHECK(p != NULL);
	CHECK_GE(duet_stream_fd(duet_process_in(p)), 3);
	CHECK_OK(duet_stream_printf(duet_process_in(p), "to in\n"));
	duet_process_close_in(p);
	CHECK_EQ(duet_stream_readline(duet_process_out(p), line, sizeof(line)), 6);
	CHECK_STR(line, "to in\n");
	CHECK_EQ(duet_stream_readline(duet_process_out(p), line, sizeof(line)), 7);
	CHECK_STR(line, "to out\n");
	CHECK_EQ(duet_stream_readline(duet_process_err(p), line, sizeof(line)), 7);
	CHECK_STR(line, "to err\n");
	duet_process_close(p);
	return 0;
}

/* A program that has closed its own standard streams can still give some to a child. */
TEST(process_when_0_1_2_are_closed)
{
	int saved[3];

	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		close(i);
	}
	CHECK_OK(duet_run(without_standard_streams, NULL));
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
}

static int elsewhere(void *arg)
{
	const char *argv[] = {"sh", "-c", "pwd; echo $DUET_TEST $HOME", NULL};
	const char *env[] = {"DUET_TEST=set", NULL};
	duet_buf out = {0};

	(void)arg;
	CHECK_EQ(duet_process_run(
			 &(duet_process_options){.argv = argv, .env = env, .directory = "/proc"},
			 DUET_BYTES(NULL, 0), &out, NULL),
		 0);
	CHECK_STR(out.data, "/proc\nset\n");
	duet_buf_free(&out);
	return 0;
}

/* Directory and environment are as asked. */
TEST(process_directory_and_environment)
{
	CHECK_OK(duet_run(elsewhere, NULL));
}

/* --- ending it --- */

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

static int wait_for_it(void *arg)
{
	return duet_process_wait(arg);
}

static int close_under_waiters(void *arg)
{
	duet_process *p = sh("sleep 100", 0, 0, 0);
	duet_task *t[2] = {duet_spawn(wait_for_it, p), duet_spawn(wait_for_it, p)};
	int results[2];

	(void)arg;
	CHECK_OK(duet_yield());
	duet_process_close(p);
	CHECK_OK(duet_gather(t, 2, results));
	CHECK_EQ(results[0], 256 + SIGKILL);
	CHECK_EQ(results[1], 256 + SIGKILL);
	return 0;
}

/* Tasks that wait for a process while another closes it learn how it ended. */
TEST(process_closed_while_others_wait)
{
	CHECK_OK(duet_run(close_under_waiters, NULL));
}

static int expired(void *arg)
{
	duet_process *p = sh("exit 0", 0, 0, 0);
	duet_scope s;

	(void)arg;
	CHECK_EQ(duet_process_wait(p), 0);
	CHECK_OK(duet_scope_enter(&s, 0));
	CHECK_ERR(duet_process_wait(p), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	duet_process_close(p);
	return 0;
}

/* Under an expired scope even the known status is not given. */
TEST(process_wait_under_expired_scope)
{
	CHECK_OK(duet_run(expired, NULL));
}

static int steal(void *arg)
{
	duet_process *p = sh("exit 3", 0, 0, 0);

	(void)arg;
	CHECK_ERR(duet_process_wait(p), -ECHILD);
	CHECK_HAS(duet_errmsg(), "SIGCHLD");
	CHECK_ERR(duet_process_kill(p, SIGKILL), -ESRCH);
	duet_process_close(p);
	return 0;
}

/* A status that somebody else took is an error, not a success; nobody else is killed for it. */
TEST(process_status_taken_by_others)
{
	signal(SIGCHLD, SIG_IGN);
	CHECK_OK(duet_run(steal, NULL));
}

static volatile sig_atomic_t children;

static void on_child(int signal)
{
	(void)signal;
	children++;
}

static int beside_host(void *arg)
{
	pid_t own = fork();
	int status;

	(void)arg;
	if (own == 0)
		_exit(5);
	duet_process *p = sh("exit 3", 0, 0, 0);
	CHECK_EQ(duet_process_wait(p), 3);
	duet_process_close(p);
	CHECK_EQ(waitpid(own, &status, 0), own);
	CHECK_EQ(WEXITSTATUS(status), 5);
	return 0;
}

/* A host's own children and handler of SIGCHLD are left to it. */
TEST(process_beside_children_of_the_host)
{
	signal(SIGCHLD, on_child);
	CHECK_OK(duet_run(beside_host, NULL));
	CHECK_GE(children, 1);
}

/* --- errors --- */

static int start_badly(void *arg)
{
	const char *argv[] = {"/nowhere/program", NULL}, *good[] = {"true", NULL};

	(void)arg;
	CHECK(duet_process_open(&(duet_process_options){.argv = argv}) == NULL);
	CHECK_EQ(errno, ENOENT);
	CHECK_HAS(duet_errmsg(), "/nowhere/program");
	CHECK(duet_process_open(&(duet_process_options){.argv = good, .directory = "/nowhere"}) ==
	      NULL);
	CHECK_EQ(errno, ENOENT);
	CHECK_HAS(duet_errmsg(), "in /nowhere");
	CHECK(duet_process_open(NULL) == NULL);
	CHECK(duet_process_open(
		      &(duet_process_options){.argv = good, .out = DUET_PROCESS_TO_OUT}) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK_ERR(duet_process_wait(NULL), DUET_EINVAL);
	CHECK_ERR(duet_process_kill(NULL, SIGTERM), DUET_EINVAL);
	return 0;
}

/* What cannot be started says what and why, and leaves nothing. */
TEST(process_start_errors)
{
	CHECK_OK(duet_run(start_badly, NULL));
	CHECK(duet_process_open(&(duet_process_options){.argv = (const char *[]){"true", NULL}}) ==
	      NULL);
	CHECK_HAS(duet_errmsg(), "no run");
}

/* --- all in one call --- */

enum { MUCH = 1 << 20 };

static int pass_through(void *arg)
{
	const char *argv[] = {"sh", "-c", "cat; head -c 100000 /dev/zero >&2", NULL};
	char *much = malloc(MUCH);
	duet_buf out = {0}, err = {0};

	(void)arg;
	for (int i = 0; i < MUCH; i++)
		much[i] = (char)(i * 7);
	CHECK_EQ(duet_process_run(&(duet_process_options){.argv = argv}, DUET_BYTES(much, MUCH),
				  &out, &err),
		 0);
	CHECK_EQ(out.len, MUCH);
	CHECK(memcmp(out.data, much, MUCH) == 0);
	CHECK_EQ(err.len, 100000);
	duet_buf_free(&out);
	duet_buf_free(&err);
	free(much);
	return 0;
}

/* A megabyte goes in while it comes out, and errors apart from it. */
TEST(process_run_feeds_and_reads_at_once)
{
	CHECK_OK(duet_run(pass_through, NULL));
}

static int run_others(void *arg)
{
	const char *deaf[] = {"sh", "-c", "exec <&-; echo deaf; exit 4", NULL};
	const char *slow[] = {"sleep", "100", NULL}, *none[] = {"/nowhere/x", NULL};
	char *much = calloc(1, MUCH);
	duet_buf out = {0};
	duet_scope s;

	(void)arg;
	CHECK_EQ(duet_process_run(&(duet_process_options){.argv = deaf}, DUET_BYTES(much, MUCH),
				  &out, NULL),
		 4);
	CHECK_STR(out.data, "deaf\n");
	duet_buf_free(&out);
	free(much);
	CHECK_OK(duet_scope_enter(&s, DUET_MS(10)));
	CHECK_ERR(duet_process_run(&(duet_process_options){.argv = slow}, DUET_STR(""), &out, NULL),
		  DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK_ERR(duet_process_run(&(duet_process_options){.argv = none}, DUET_STR(""), &out, NULL),
		  -ENOENT);
	CHECK_HAS(duet_errmsg(), "/nowhere/x");
	CHECK_ERR(duet_process_run(NULL, DUET_STR(""), &out, NULL), DUET_EINVAL);
	CHECK(out.data == NULL);
	return 0;
}

/* What does not read its input may do so; what takes too long is killed. */
TEST(process_run_deaf_slow_and_missing)
{
	CHECK_OK(duet_run(run_others, NULL));
}

/* --- many --- */

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int spawn_one(void *ctx, size_t i)
{
	const char *argv[] = {"true", NULL};
	duet_process *p = duet_process_open(&(duet_process_options){
		.argv = argv, .in = DUET_PROCESS_PIPE, .out = DUET_PROCESS_PIPE});

	(void)ctx;
	CHECK(p != NULL);
	if (i % 3 > 0)
		CHECK_EQ(duet_process_wait(p), 0);
	duet_process_close(p);
	return 0;
}

static int spawn_many(void *arg)
{
	int before;

	CHECK_OK(duet_map(20, 20, spawn_one, NULL, NULL));
	before = open_descriptors();
	CHECK_OK(duet_map((size_t)(intptr_t)arg, 20, spawn_one, NULL, NULL));
	CHECK_LE(open_descriptors(), before + 20); /* some may still be on their way out */
	return 0;
}

/* A thousand children leave neither descriptors nor zombies. */
TEST_WITHIN(process_thousand, 60)
{
	CHECK_OK(duet_run(spawn_many, (void *)(intptr_t)(test_is_slow() ? 100 : 1000)));
}
