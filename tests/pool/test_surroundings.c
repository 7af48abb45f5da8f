/* A pool in a process that is short of things, or keeps unusual habits. */
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static duet_pool *pool;

static int ten_jobs(void *arg)
{
	duet_buf out = {0};
	(void)arg;
	for (int i = 0; i < 10; i++) {
		CHECK_OK(duet_pool_call(pool, "upper", DUET_STR("hello"), &out));
		CHECK_STR(out.data, "HELLO");
		duet_buf_free(&out);
	}
	CHECK_OK(duet_pool_call(pool, "print", DUET_STR("a line"), NULL));
	CHECK_OK(duet_pool_call(pool, "grow", DUET_STR("100000"), &out));
	CHECK_EQ(out.len, 100000);
	CHECK_ERR(duet_pool_call(pool, "signal", DUET_STR("9"), NULL), DUET_EWORKER);
	CHECK_OK(duet_pool_call(pool, "sum", DUET_BYTES(out.data, out.len), NULL));
	duet_buf_free(&out);
	return 0;
}

static void serve(const duet_pool_options *o)
{
	pool = jobs_pool(o);
	CHECK_OK(duet_run(ten_jobs, NULL));
	CHECK_OK(duet_pool_close(pool));
}

/* In a child, whose surroundings may be spoilt; -> whether it ended well. */
static void elsewhere(void (*spoil)(int), int how, const duet_pool_options *o)
{
	pid_t pid = fork();
	if (pid == 0) {
		spoil(how);
		serve(o);
		_exit(0);
	}
	int status = -1;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void close_streams(int which)
{
	for (int fd = 0; fd < 3; fd++)
		if (which & (1 << fd))
			close(fd);
}

/* Without stdin, stdout or stderr, in any combination: what jobs print meets no channel. */
TEST_WITHIN(surroundings_without_standard_streams, 60)
{
	for (int which = 1; which < 8; which++) {
		test_note("closed: %d", which);
		elsewhere(close_streams, which, &(duet_pool_options){.workers = 2});
		elsewhere(close_streams, which,
			  &(duet_pool_options){.workers = 1, .capture_output = true});
	}
}

static void limit_files(int bytes)
{
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)bytes, (rlim_t)bytes});
}

/* Where files may not be large, nor may shared memory; but it may be used. */
TEST(surroundings_with_a_limit_on_files)
{
	elsewhere(limit_files, 64 << 20, &(duet_pool_options){.workers = 2});
}

static void limit_address_space(int mib)
{
	rlim_t bytes = (rlim_t)mib << 20;
	setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes});
}

/* Where address space is short, too. */
TEST(surroundings_with_a_limit_on_address_space)
{
	if (test_is_slow())
		SKIP("sanitizers reserve more than any limit");
	elsewhere(limit_address_space, 512, &(duet_pool_options){.workers = 2});
}

static void ignore_children(int how)
{
	(void)how;
	signal(SIGCHLD, SIG_IGN);
}

static void reap_everything(int sig)
{
	int saved = errno;
	(void)sig;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = saved;
}

static void reap_by_hand(int how)
{
	(void)how;
	signal(SIGCHLD, reap_everything);
}

/* A program that ignores its children, or reaps whatever there is. */
TEST(surroundings_where_children_are_reaped)
{
	elsewhere(ignore_children, 0, &(duet_pool_options){.workers = 2});
	elsewhere(reap_by_hand, 0, &(duet_pool_options){.workers = 2});
}

/* A program that waits for all of its children is not kept waiting by what a pool has forked. */
TEST(surroundings_where_all_children_are_awaited)
{
	if (test_is_slow())
		SKIP("sanitizers need a plain fork");
	pool = jobs_pool(&(duet_pool_options){.workers = 2});
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	int status = -1, n = 0;
	while (waitpid(-1, &status, 0) > 0)
		n++;
	CHECK_EQ(n, 1);
	CHECK_EQ(WEXITSTATUS(status), 7);
	CHECK_OK(duet_run(ten_jobs, NULL));
	CHECK_OK(duet_pool_close(pool));
}

static void block_all(int how)
{
	sigset_t all;
	(void)how;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int s = 1; s < NSIG; s++)
		if (s != SIGCHLD)
			signal(s, SIG_IGN);
}

/* A program that blocks and ignores every signal. */
TEST(surroundings_with_signals_blocked)
{
	elsewhere(block_all, 0, &(duet_pool_options){.workers = 2});
}

static void open_many(int n)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096});
	for (int i = 0; i < n; i++)
		CHECK_GE(open("/dev/null", O_RDONLY), 0);
}

/* A program with three thousand descriptors. */
TEST(surroundings_with_many_descriptors)
{
	elsewhere(open_many, 3000, &(duet_pool_options){.workers = 2});
}

static int next_fd(void)
{
	int fd = dup(0);
	close(fd);
	return fd;
}

/* Too few descriptors for a pool are EMFILE, and leave none open. */
TEST(surroundings_without_descriptors)
{
	struct rlimit before;
	int first = next_fd(), opened = 0;
	getrlimit(RLIMIT_NOFILE, &before);
	for (int room = 0; room < 24 && !opened; room++) {
		struct rlimit few = {(rlim_t)(first + room), before.rlim_max};
		setrlimit(RLIMIT_NOFILE, &few);
		duet_pool *p = duet_pool_open(&(duet_pool_options){.workers = 2});
		int error = errno;
		setrlimit(RLIMIT_NOFILE, &before);
		if (p == NULL) {
			CHECK_EQ(error, EMFILE);
			CHECK_HAS(duet_errmsg(), "files");
		}
		opened = p != NULL;
		CHECK_OK(duet_pool_close(p));
		CHECK_EQ(next_fd(), first);
	}
	CHECK(opened);
}

static void limit_processes(int n)
{
	if (setgid(54321) != 0 || setuid(54321) != 0)
		_exit(1);
	setrlimit(RLIMIT_NPROC, &(struct rlimit){(rlim_t)n, (rlim_t)n});
}

/* Where only some of the workers can be forked, the pool is smaller. */
TEST(surroundings_with_few_processes)
{
	if (geteuid() != 0)
		SKIP("needs a user of its own");
	elsewhere(limit_processes, 4, &(duet_pool_options){.workers = 3});
}

/* The largest numbers an option can hold are no trouble. */
TEST(surroundings_with_vast_options)
{
	serve(&(duet_pool_options){.workers = 1,
				   .idle_timeout = DUET_FOREVER,
				   .job_timeout = DUET_FOREVER - 1,
				   .grace = DUET_FOREVER,
				   .retries = 0,
				   .max_queue = SIZE_MAX,
				   .max_payload = SIZE_MAX,
				   .max_jobs_per_worker = UINT64_MAX,
				   .max_worker_rss = SIZE_MAX,
				   .max_worker_age = DUET_FOREVER,
				   .memory_limit = SIZE_MAX,
				   .nice = 1000000});
}
