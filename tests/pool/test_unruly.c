/* Jobs that do what a program may do and a job had better not: each harms its own worker at most. */
#include "tests/lib/process.h"
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static duet_pool *pool;
static char mark[256];
static FILE *diary;

static void make_mark(void)
{
	int fd = open(mark, O_WRONLY | O_CREAT, 0600);
	if (fd >= 0)
		close(fd);
}

static bool is_marked(void)
{
	return access(mark, F_OK) == 0;
}

static void use_mark(const char *name)
{
	snprintf(mark, sizeof(mark), "%s/%s", test_scratch(), name);
}

/* Opens a pool with one more job, runs the body, and closes it. */
static void with_job(const duet_pool_options *o, duet_job_fn *fn, duet_fn *body)
{
	CHECK_OK(duet_job_register("unruly", fn));
	pool = jobs_pool(o);
	CHECK_OK(duet_run(body, NULL));
	jobs_close(pool);
}

static int unruly(void)
{
	return duet_pool_call(pool, "unruly", DUET_STR(""), NULL);
}

/* ---- exit ---- */

static int exit_3(duet_job *job)
{
	(void)job;
	exit(3);
}

static int expect_exit_3(void *arg)
{
	(void)arg;
	CHECK_ERR(unruly(), DUET_EWORKER);
	CHECK_HAS(duet_errmsg(), "exit status 3");
	CHECK(!is_marked());
	return 0;
}

/* A job that calls exit() runs none of the program's own exit handlers. */
TEST(unruly_exit_leaves_the_programs_handlers_alone)
{
	use_mark("atexit");
	if (fork() == 0) { /* the runner must not see the handler */
		atexit(make_mark);
		with_job(&(duet_pool_options){.workers = 1}, exit_3, expect_exit_3);
		_exit(0);
	}
	int status = -1;
	wait(&status);
	CHECK_EQ(status, 0);
}

/* ---- fork ---- */

static int fork_and_return(duet_job *job)
{
	fork();
	return duet_job_reply(job, "x", 1);
}

static int call_unruly(void *ctx, size_t i)
{
	(void)ctx;
	duet_buf out = {0};
	int r = duet_pool_call(pool, i % 10 == 0 ? "unruly" : "echo", DUET_STR("x"), &out);
	CHECK_EQ(r < 0 || (out.len == 1 && *(char *)out.data == 'x'), 1);
	duet_buf_free(&out);
	return r;
}

static int call_many_unruly(void *arg)
{
	duet_pool_stats_t s;
	(void)arg;
	CHECK_OK(duet_map(500, 100, call_unruly, NULL, NULL));
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_EQ(s.done, 500);
	CHECK_EQ(s.restarts, 0);
	return 0;
}

/* What a job forked is no second worker when it returns from the job. */
TEST(unruly_fork_makes_no_second_worker)
{
	with_job(&(duet_pool_options){.workers = 2, .job_timeout = DUET_S(5)}, fork_and_return,
		 call_many_unruly);
}

/* ---- descriptors ---- */

static int write_diary(duet_job *job)
{
	(void)job;
	return fputs("dear diary\n", diary) < 0 || fflush(diary) != 0 ? -errno : 0;
}

static int expect_bad_diary(void *arg)
{
	duet_pool_stats_t s;
	(void)arg;
	for (int i = 0; i < 3; i++)
		CHECK_ERR(unruly(), -EBADF);
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_EQ(s.restarts, 0);
	return 0;
}

/* A stream that the program had open is closed in a worker, not somebody else's descriptor. */
TEST(unruly_write_to_the_programs_stream)
{
	use_mark("diary");
	for (int extra = 0; extra < 6; extra++) { /* whichever number it has */
		int fds[6];
		for (int i = 0; i < extra; i++)
			fds[i] = dup(0);
		diary = fopen(mark, "w");
		for (int i = 0; i < extra; i++)
			close(fds[i]);
		pid_t pid = fork();
		if (pid == 0) {
			with_job(&(duet_pool_options){.workers = 1, .capture_output = extra % 2},
				 write_diary, expect_bad_diary);
			_exit(0);
		}
		int status = -1;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
		fclose(diary);
	}
}

static int close_everything(duet_job *job)
{
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	return duet_job_reply(job, "x", 1);
}

static int expect_an_end(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5; i++) {
		int r = unruly();
		CHECK(r == 0 || r == DUET_EWORKER);
		CHECK_OK(duet_pool_call(pool, "echo", DUET_STR("x"), NULL));
	}
	return 0;
}

/* A job that closes every descriptor ends, and the next one finds a worker. */
TEST(unruly_job_closes_everything)
{
	with_job(&(duet_pool_options){.workers = 1}, close_everything, expect_an_end);
}

/* The same over nng. */
TEST(unruly_job_closes_everything_over_nng)
{
	test_allow_fds(2);
	with_job(&(duet_pool_options){.workers = 1, .transport = DUET_TRANSPORT_NNG},
		 close_everything, expect_an_end);
}

/* ---- what outlives its worker ---- */

/* In a session of its own, so that no kill of a group meets it. */
static void daemonize(void)
{
	if (fork() != 0)
		return;
	setsid();
	if (fork() != 0)
		_exit(0);
	prctl(PR_SET_NAME, "unruly-daemon");
}

static int leave_a_flood(duet_job *job)
{
	static char text[4096];
	pid_t worker = getpid();
	(void)job;
	memset(text, '\n', sizeof(text));
	daemonize();
	if (getpid() != worker)
		for (;;)
			if (write(STDOUT_FILENO, text, sizeof(text)) < 0)
				_exit(0);
	usleep(20000);
	raise(SIGKILL);
	return 0;
}

static int expect_kill(void *arg)
{
	(void)arg;
	CHECK_ERR(unruly(), DUET_EWORKER);
	CHECK_HAS(duet_errmsg(), "SIGKILL");
	CHECK_OK(duet_pool_call(pool, "echo", DUET_STR("x"), NULL));
	return 0;
}

/* What a dead worker's daemon goes on printing holds nobody up. */
TEST(unruly_daemon_floods_the_output)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	with_job(&(duet_pool_options){.workers = 1, .capture_output = true}, leave_a_flood,
		 expect_kill);
	while (wait(NULL) > 0)
		;
}

static int leave_a_daemon(duet_job *job)
{
	pid_t worker = getpid();
	int pipe_fds[2];
	pid_t daemon = 0;
	if (pipe(pipe_fds) < 0)
		return -errno;
	daemonize();
	if (getpid() != worker) {
		pid_t self = getpid();
		if (write(pipe_fds[1], &self, sizeof(self)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(pipe_fds[0], &daemon, sizeof(daemon)) != sizeof(daemon))
		return -EIO;
	return duet_job_reply(job, &daemon, sizeof(daemon));
}

static pid_t daemon_pid;

static int get_a_daemon(void *arg)
{
	duet_buf out = {0};
	(void)arg;
	CHECK_OK(duet_pool_call(pool, "unruly", DUET_STR(""), &out));
	memcpy(&daemon_pid, out.data, sizeof(daemon_pid));
	duet_buf_free(&out);
	CHECK(process_is_alive(daemon_pid));
	return 0;
}

/* The daemons that jobs have left go with the pool. */
TEST(unruly_daemon_ends_with_the_pool)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	with_job(&(duet_pool_options){.workers = 1}, leave_a_daemon, get_a_daemon);
	CHECK(!process_is_alive(daemon_pid));
	while (wait(NULL) > 0)
		;
}

/* And with a parent that is killed. */
TEST(unruly_daemon_ends_with_the_parent)
{
	int fds[2];
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	CHECK_OK(pipe(fds));
	pid_t parent = fork();
	if (parent == 0) {
		CHECK_OK(duet_job_register("unruly", leave_a_daemon));
		pool = jobs_pool(&(duet_pool_options){.workers = 1});
		CHECK_OK(duet_run(get_a_daemon, NULL));
		if (write(fds[1], &daemon_pid, sizeof(daemon_pid)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(fds[0], &daemon_pid, sizeof(daemon_pid)), sizeof(daemon_pid));
	kill(parent, SIGKILL);
	for (int ms = 0; process_is_alive(daemon_pid); ms++) {
		CHECK_LE(ms, 2000);
		poll(NULL, 0, 1);
	}
	while (wait(NULL) > 0)
		;
	close(fds[0]);
	close(fds[1]);
}

/* ---- the process as it was ---- */

static int throw_dice(duet_job *job)
{
	long dice[2] = {random(), lrand48()};
	return duet_job_reply(job, dice, sizeof(dice));
}

static int throw_twice(void *arg)
{
	duet_buf out = {0};
	long first[2], second[2];
	(void)arg;
	CHECK_OK(duet_pool_call(pool, "unruly", DUET_STR(""), &out));
	memcpy(first, out.data, sizeof(first));
	duet_buf_free(&out);
	CHECK_ERR(duet_pool_call(pool, "signal", DUET_STR("9"), NULL), DUET_EWORKER);
	CHECK_OK(duet_pool_call(pool, "unruly", DUET_STR(""), &out));
	memcpy(second, out.data, sizeof(second));
	duet_buf_free(&out);
	CHECK(first[0] != second[0]);
	CHECK(first[1] != second[1]);
	return 0;
}

/* Each worker has random numbers of its own, though all come from one process. */
TEST(unruly_dice_fall_differently)
{
	with_job(&(duet_pool_options){.workers = 1}, throw_dice, throw_twice);
}

static void *idle(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static int turn_everything_over(duet_job *job)
{
	sigset_t all;
	pthread_t thread;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0});
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0});
	setsid();
	setpgid(0, 0);
	if (chdir("/") < 0 || pthread_create(&thread, NULL, idle, NULL) != 0)
		return -errno;
	return duet_job_reply(job, "x", 1);
}

static int expect_service(void *arg)
{
	(void)arg;
	CHECK_OK(unruly());
	CHECK_OK(duet_pool_call(pool, "grow", DUET_STR("300000"), NULL));
	CHECK_ERR(duet_pool_call(pool, "spin", DUET_STR(""), NULL), DUET_ETIMEDOUT);
	CHECK_OK(duet_pool_call(pool, "echo", DUET_STR("x"), NULL));
	return 0;
}

/* Blocked signals, a thread left behind and limits of nothing: the worker serves, and can be killed. */
TEST(unruly_job_turns_everything_over)
{
	with_job(&(duet_pool_options){.workers = 1, .job_timeout = DUET_S(1)}, turn_everything_over,
		 expect_service);
}

static __attribute__((noinline)) int deeper(volatile char *above, int n)
{
	volatile char room[4096];
	room[0] = above[0];
	return n > 0 ? deeper(room, n - 1) + room[0] : room[0];
}

static int overflow(duet_job *job)
{
	char top = 1;
	(void)job;
	return deeper(&top, 1000000);
}

static int expect_overflow(void *arg)
{
	(void)arg;
	CHECK_ERR(unruly(), DUET_EWORKER);
	CHECK_HAS(duet_errmsg(), "SIGSEGV");
	CHECK_EQ(strstr(duet_errmsg(), "by us") == NULL, 1);
	return 0;
}

/* A stack that overflows is a SIGSEGV like any other. */
TEST(unruly_job_overflows_its_stack)
{
	if (test_is_slow())
		SKIP("a sanitizer's handler exits instead");
	with_job(&(duet_pool_options){.workers = 1}, overflow, expect_overflow);
}
