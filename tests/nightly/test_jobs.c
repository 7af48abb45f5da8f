/* P8: a million jobs through the pool use what ten thousand use, in the parent and in each worker. */
#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <duet/duet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 500, WORKERS = 2 };

struct use {
	long parent, workers[WORKERS], fds;
};

static duet_pool *pool;

static int reverse(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	char *out = duet_job_reserve(job, in.len);

	if (out == NULL)
		return DUET_ENOMEM;
	for (size_t i = 0; i < in.len; i++)
		out[i] = ((const char *)in.data)[in.len - 1 - i];
	return 0;
}

static int call_one(void *context, size_t i)
{
	char text[64];
	int len = snprintf(text, sizeof text, "job number %zu", i);
	duet_buf out = {0};
	int r = duet_pool_call(pool, "reverse", DUET_BYTES(text, (size_t)len), &out);

	(void)context;
	if (r == 0)
		CHECK(out.len == (size_t)len && ((char *)out.data)[0] == text[len - 1]);
	duet_buf_free(&out);
	return r;
}

static void run_jobs(size_t n, struct use *use)
{
	duet_pool_stats_t stats;
	duet_time began = duet_now();

	CHECK_OK(duet_map(n, AT_ONCE, call_one, NULL, NULL));
	CHECK_OK(duet_pool_stats(pool, &stats));
	CHECK_EQ(stats.workers, WORKERS);
	CHECK_EQ(stats.restarts, 0);
	use->parent = process_memory(getpid());
	use->fds = process_fds(getpid());
	for (int i = 0; i < WORKERS; i++)
		use->workers[i] = process_memory(stats.worker_pids[i]);
	printf("# %zu jobs: parent %ld KiB, workers %ld and %ld KiB, %ld descriptors, %.0f/s\n", n,
	       use->parent, use->workers[0], use->workers[1], use->fds,
	       (double)n / ((double)(duet_now() - began) / 1e9));
	fflush(stdout);
}

static int run_all(void *arg)
{
	struct use few, most;

	(void)arg;
	run_jobs(10000, &few);
	run_jobs(100000, &most);
	run_jobs(1000000, &most);
	CHECK_LE(most.parent - few.parent, 512);
	for (int i = 0; i < WORKERS; i++)
		CHECK_LE(most.workers[i] - few.workers[i], 256);
	CHECK_EQ(most.fds, few.fds);
	return 0;
}

/* 500 at once, one call each. */
TEST_WITHIN(jobs_by_the_million_use_flat_memory, 1800)
{
	CHECK_OK(duet_job_register("reverse", reverse));
	pool = duet_pool_open(&(duet_pool_options){.workers = WORKERS});
	CHECK(pool != NULL);
	CHECK_OK(duet_run(run_all, NULL));
	CHECK_OK(duet_pool_close(pool));
}
