/* ctest-labels: threads */
#include "tests/lib/test.h"
#include <duet/duet.h>
#include <dirent.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

static int return_arg(void *arg)
{
	CHECK_ERR(duet_sleep(1), DUET_ENOTASK);
	return (int)(intptr_t)arg;
}

static int call_many(void *ctx, size_t i)
{
	(void)ctx;
	CHECK_EQ(duet_to_thread(return_arg, (void *)(intptr_t)i), i);
	return 0;
}

static int threads_alive(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static int many(void *arg)
{
	(void)arg;
	CHECK_OK(duet_map(2000, 100, call_many, NULL, NULL));
	CHECK_LE(threads_alive(), 2 + DUET_THREADS_MAX + test_is_slow());
	return 0;
}

/* Results come back to their callers; the helpers end with the run. */
TEST(thread_runs_many_calls)
{
	int before = threads_alive();

	CHECK_OK(duet_run(many, NULL));
	for (int i = 0; i < 1000 && threads_alive() > before + test_is_slow(); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	CHECK_LE(threads_alive(),
		 before + test_is_slow()); /* a sanitizer may have started its own */
}

static int fail_with_words(void *arg)
{
	(void)arg;
	return duet_post(NULL, NULL, NULL);
}

static int fail(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_to_thread(fail_with_words, NULL), DUET_EINVAL);
	CHECK_STR(duet_errmsg(), "no loop to post to");
	CHECK_ERR(duet_to_thread(return_arg, (void *)-7), -7);
	CHECK_STR(duet_errmsg(), duet_strerror(-7));
	CHECK_ERR(duet_to_thread(NULL, NULL), DUET_EINVAL);
	return 0;
}

/* A failure brings its words along. */
TEST(thread_failure_has_words)
{
	CHECK_OK(duet_run(fail, NULL));
}

static sem_t gate, passed;

static int wait_at_gate(void *arg)
{
	sem_wait(&gate);
	sem_post(&passed);
	return (int)(intptr_t)arg;
}

static int abandon(void *arg)
{
	duet_scope s;

	CHECK_OK(duet_scope_enter(&s, DUET_MS(5)));
	CHECK_ERR(duet_to_thread(wait_at_gate, NULL), DUET_ECANCELED);
	CHECK_ERR(duet_to_thread(wait_at_gate, NULL), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	if (arg != NULL)
		sem_post(&gate);
	return duet_to_thread(return_arg, (void *)3);
}

/* Cancelled, the call returns at once, and the thread finishes on its own: in this run or after. */
TEST(thread_cancelled_finishes_on_its_own)
{
	sem_init(&gate, 0, 0);
	sem_init(&passed, 0, 0);
	CHECK_EQ(duet_run(abandon, (void *)1), 3);
	sem_wait(&passed);
	CHECK_EQ(duet_run(abandon, NULL), 3);
	sem_post(&gate);
	sem_wait(&passed);
	for (int i = 0; i < 1000 && threads_alive() > 1 + test_is_slow(); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* --- more calls than threads --- */

enum { CALLS = DUET_THREADS_MAX + 8 };

static atomic_int begun;

static int begin_and_wait(void *arg)
{
	begun++;
	return wait_at_gate(arg);
}

static int call_gated(void *ctx, size_t i)
{
	(void)ctx, (void)i;
	return duet_to_thread(begin_and_wait, NULL);
}

static int call_all(void *arg)
{
	(void)arg;
	return duet_map(CALLS, 0, call_gated, NULL, NULL);
}

static int fill_line(void *arg)
{
	duet_task *calls = duet_spawn(call_all, NULL);

	while (begun < DUET_THREADS_MAX)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	CHECK_OK(duet_sleep(DUET_MS(2)));
	CHECK_EQ(begun, DUET_THREADS_MAX);
	if (arg != NULL)
		CHECK_ERR(duet_cancel_await(calls), DUET_ECANCELED);
	for (int i = 0; i < CALLS; i++)
		sem_post(&gate);
	return arg != NULL ? 0 : duet_await(calls);
}

/* Calls beyond the last thread wait in line; those that are cancelled there still run. */
TEST(thread_calls_beyond_the_last_wait_in_line)
{
	sem_init(&gate, 0, 0);
	sem_init(&passed, 0, 0);
	CHECK_OK(duet_run(fill_line, NULL));
	CHECK_EQ(begun, CALLS);
	begun = 0;
	CHECK_OK(duet_run(fill_line, (void *)1));
	for (int i = 0; i < 2 * CALLS; i++)
		sem_wait(&passed);
	CHECK_EQ(begun, CALLS);
}

static int sleep_a_little(void *arg)
{
	CHECK_OK(duet_sleep(DUET_MS(1)));
	return duet_to_thread(return_arg, arg);
}

static int run_another(void *arg)
{
	return duet_run(sleep_a_little, arg);
}

static int run_many_loops(void *arg)
{
	(void)arg;
	CHECK_EQ(duet_to_thread(run_another, (void *)7), 7);
	CHECK_EQ(duet_to_thread(run_another, (void *)8), 8);
	return 0;
}

/* A helper thread may run a loop of its own, with helpers of its own. */
TEST(thread_runs_a_loop)
{
	CHECK_OK(duet_run(run_many_loops, NULL));
}
