/* Workers that somebody stops (SIGSTOP) where they have no job that could be late. */
#include "tests/lib/process.h"
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

static duet_pool *pool;

/* Shared with the workers. */
static atomic_int *starts;

static int stop_at_the_first_start(void *unused)
{
	(void)unused;
	if (atomic_fetch_add(starts, 1) == 0)
		raise(SIGSTOP);
	return 0;
}

static int call_through_the_second(void *unused)
{
	(void)unused;
	CHECK_OK(duet_pool_call(pool, "echo", DUET_STR("x"), NULL));
	CHECK_EQ(atomic_load(starts), 2);
	return 0;
}

/* A start hook may take its time, but not a process that is stopped in it. */
TEST_WITHIN(stopped_at_its_start_is_replaced, 60)
{
	starts = mmap(NULL, sizeof(*starts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(starts != MAP_FAILED);
	pool = jobs_pool(
		&(duet_pool_options){.workers = 1, .on_worker_start = stop_at_the_first_start});
	CHECK_OK(duet_run(call_through_the_second, NULL));
	CHECK_OK(duet_pool_close(pool));
	munmap(starts, sizeof(*starts));
}

static bool is_gone(void *pid)
{
	return !process_is_alive(*(pid_t *)pid);
}

static int cancel_the_last_job(void *unused)
{
	(void)unused;
	duet_scope s;
	pid_t worker = jobs_pid(pool);
	CHECK_EQ(kill(worker, SIGSTOP), 0);
	CHECK_OK(duet_scope_enter(&s, DUET_MS(5)));
	CHECK_ERR(duet_pool_call(pool, "echo", DUET_STR("x"), NULL), DUET_ECANCELED);
	duet_scope_exit(&s);
	CHECK_OK(duet_pool_call(pool, "echo", DUET_STR("x"), NULL));
	jobs_wait_until(is_gone, &worker);
	return 0;
}

/* It is to be replaced after this job, which is taken back: it still has to leave. */
TEST_WITHIN(stopped_before_it_leaves_is_killed, 60)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1, .max_jobs_per_worker = 2});
	CHECK_OK(duet_run(cancel_the_last_job, NULL));
	CHECK_OK(duet_pool_close(pool));
}
