/* The pitfalls of the tutorial, and those that it should have had: what duet does instead. */
#include "tests/lib/run.h"
#include "tests/lib/test.h"

#include <duet/duet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void hear(void *context, const duet_report *report)
{
	duet_report_kind wanted = *(const duet_report_kind *)context;

	if (report->kind == wanted)
		note("%s", report->text);
}

static int run_reported(duet_report_kind kind, duet_time slow, duet_fn *fn)
{
	duet_run_options options = {.slow = slow, .report = hear, .report_context = &kind};

	return duet_run_with(&options, fn, NULL);
}

static int fail(void *arg)
{
	(void)arg;
	return DUET_EHTTP;
}

static int forget(void *arg)
{
	(void)arg;
	duet_detach(duet_spawn(fail, NULL));
	return duet_yield();
}

/* There is no await to forget.  A failure that nobody reads is reported, with name and place. */
TEST(tutorial_pitfall_forgotten_await_is_reported)
{
	CHECK_OK(run_reported(DUET_REPORT_UNREAD, 0, forget));
	const char *report = notes();
	CHECK_HAS(report, "fail");
	CHECK_HAS(report, "test_tutorial_pitfalls.c:");
	CHECK_HAS(report, "EHTTP");
}

static int nest(void *arg)
{
	CHECK_EQ(duet_run(nothing, arg), -EALREADY);
	return 0;
}

/* A run within a run is an error, not a matter of style; so is a sleep outside of one. */
TEST(tutorial_pitfall_nested_run_is_refused)
{
	CHECK_OK(duet_run(nest, NULL));
	CHECK_EQ(duet_sleep(DUET_S(1)), DUET_ENOTASK);
}

static int compare_slowly(const void *a, const void *b)
{
	duet_sleep(DUET_MS(10));
	return *(const int *)a - *(const int *)b;
}

static int sort(void *arg)
{
	int numbers[] = {3, 1, 2};

	(void)arg;
	qsort(numbers, 3, sizeof *numbers, compare_slowly);
	CHECK(numbers[0] == 1 && numbers[1] == 2 && numbers[2] == 3);
	CHECK_GE(ms(), 20);
	return 0;
}

/* Not "async all the way": a callback of the C library may suspend. */
TEST(tutorial_pitfall_any_function_may_suspend)
{
	CHECK_OK(run_virtual(sort, NULL));
}

static int hold_the_loop(void *arg)
{
	(void)arg;
	for (clock_t start = clock(); clock() - start < CLOCKS_PER_SEC / 20;)
		continue;
	return duet_yield();
}

static int hold_in_task(void *arg)
{
	return duet_await(duet_spawn(hold_the_loop, arg));
}

/* A task that holds the loop is reported by name. */
TEST(tutorial_pitfall_blocking_the_loop_is_reported)
{
	CHECK_OK(run_reported(DUET_REPORT_SLOW, DUET_MS(10), hold_in_task));
	CHECK_HAS(notes(), "hold_the_loop");
}

static int sleep_long(void *arg)
{
	int r = duet_sleep(DUET_S(3600));

	*(int *)arg = r;
	return r;
}

static int gather_failing(void *arg)
{
	int result = 0;
	duet_task *tasks[] = {duet_spawn(sleep_long, &result), duet_spawn(fail, NULL)};

	(void)arg;
	CHECK_EQ(duet_gather(tasks, 2, NULL), DUET_EHTTP);
	CHECK_EQ(result, DUET_ECANCELED);
	CHECK_EQ(ms(), 0);
	return 0;
}

/* The first failure of a gather cancels and joins the siblings before it is returned. */
TEST(tutorial_pitfall_gather_leaves_no_sibling_running)
{
	CHECK_OK(run_virtual(gather_failing, NULL));
}

static int finish_later(void *arg)
{
	int r = duet_sleep(DUET_MS(10));

	*(int *)arg = r;
	return r;
}

static int drop_handle(void *arg)
{
	duet_detach(duet_spawn(finish_later, arg));
	return duet_sleep(DUET_MS(20));
}

/* A task whose handle is dropped runs on. */
TEST(tutorial_pitfall_dropped_handle_does_not_stop_the_task)
{
	int result = 1;

	CHECK_OK(run_virtual(drop_handle, &result));
	CHECK_EQ(result, 0);
}

static int fork_inside(void *arg)
{
	int status;
	pid_t pid = fork();

	(void)arg;
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(duet_yield() == DUET_EFORKED ? 0 : 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return 0;
}

static void *wait_for_byte(void *arg)
{
	char byte;

	(void)!read(*(int *)arg, &byte, 1);
	return NULL;
}

/* A forked child cannot go on with its parent's loop; a pool is refused when threads are up. */
TEST(tutorial_pitfall_fork_is_guarded)
{
	int wake[2];
	pthread_t thread;

	CHECK_OK(duet_run(fork_inside, NULL));
	CHECK_EQ(pipe(wake), 0);
	CHECK_EQ(pthread_create(&thread, NULL, wait_for_byte, &wake[0]), 0);
	CHECK(duet_pool_open(NULL) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(write(wake[1], "x", 1), 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	close(wake[0]);
	close(wake[1]);
}

static int recurse(volatile char *above, int depth)
{
	volatile char frame[4096];

	frame[0] = (char)depth;
	return depth == 0 ? *above : recurse(frame, depth - 1) + frame[0];
}

static int overflow(void *arg)
{
	volatile char top = 0;

	return recurse(&top, *(const int *)arg);
}

static int overflow_in_task(void *arg)
{
	return duet_await(duet_spawn(overflow, arg));
}

/* A stack that overflows hits its guard page: the process ends there and then, and nothing else
 * was written to.  A task can have a larger stack. */
TEST(tutorial_pitfall_stack_overflow_meets_the_guard)
{
	int deep = 200, status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(2);
		duet_run(overflow_in_task, &deep);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) || (test_is_slow() && status != 0));
	duet_run_options large = {.stack_size = 4 * 1024 * 1024};
	CHECK_GE(duet_run_with(&large, overflow_in_task, &deep), -1000000);
}
