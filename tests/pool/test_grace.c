/* What a job has, and what becomes of it, between the end of its call and its own. */
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 1 << 20 };

static duet_pool *pool;

/* Shared with the workers. */
static struct shared {
	atomic_bool begun, go_on;
	atomic_long foreign; /* bytes that were not the job's own */
	atomic_bool over;
} * shared;

/* Looks at its input again once it is told to, which is after its call was given up. */
static int job_look_again(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	const char *bytes = in.data;
	char mine = bytes[0];

	atomic_store(&shared->begun, true);
	while (!atomic_load(&shared->go_on))
		usleep(500);
	for (size_t i = 0; i < in.len; i++)
		atomic_fetch_add(&shared->foreign, bytes[i] != mine);
	atomic_store(&shared->over, true);
	return 0;
}

static bool is_set(void *flag)
{
	return atomic_load((atomic_bool *)flag);
}

static bool nothing_is_shared(void *unused)
{
	duet_pool_stats_t s;
	(void)unused;
	CHECK_OK(duet_pool_stats(pool, &s));
	return s.shared_bytes == 0;
}

static int look_again(void *input)
{
	duet_buf *in = input;
	int r = duet_pool_call(pool, "look again", DUET_BYTES(in->data, in->len), NULL);
	duet_buf_free(in);
	return r;
}

/* The call is given up, and others use what shared memory is free then. */
static void give_up_and_fill(duet_buf *in)
{
	static char others[SIZE];
	memset(in->data, 'A', in->len);
	memset(others, 'B', SIZE);
	duet_task *t = duet_spawn(look_again, in);
	jobs_wait_until(is_set, &shared->begun);
	CHECK_ERR(duet_cancel_await(t), DUET_ECANCELED);
	for (int i = 0; i < 10; i++)
		CHECK_OK(duet_pool_call(pool, "sum", DUET_BYTES(others, SIZE), NULL));
	atomic_store(&shared->go_on, true);
	jobs_wait_until(is_set, &shared->over);
	CHECK_EQ(atomic_load(&shared->foreign), 0);
	jobs_wait_until(nothing_is_shared, NULL);
}

static int give_up_a_copy(void *unused)
{
	static const char blank[SIZE];
	duet_buf in = {0};
	(void)unused;
	CHECK_OK(duet_buf_copy(&in, blank, SIZE));
	give_up_and_fill(&in);
	return 0;
}

static int give_up_in_place(void *unused)
{
	duet_buf in = {0};
	(void)unused;
	CHECK_OK(duet_pool_alloc(pool, SIZE, &in));
	give_up_and_fill(&in);
	return 0;
}

static void in_a_run_with_grace(duet_fn *body)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED);
	CHECK_OK(duet_job_register("look again", job_look_again));
	pool = jobs_pool(&(duet_pool_options){.workers = 2, .grace = DUET_S(60)});
	CHECK_OK(duet_run(body, NULL));
	CHECK_OK(duet_pool_close(pool));
	munmap(shared, sizeof(*shared));
}

/* A job's input is its own until it returns, also when its caller has gone. */
TEST(grace_keeps_the_input)
{
	in_a_run_with_grace(give_up_a_copy);
}

/* So is one in memory of duet_pool_alloc that the caller has freed. */
TEST(grace_keeps_an_input_in_place)
{
	in_a_run_with_grace(give_up_in_place);
}

/* Runs until it is asked to stop, then ends as its input says. */
static int job_end_late(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	while (!duet_job_cancelled(job))
		usleep(500);
	if (((const char *)in.data)[0] == 'f')
		return -ECANCELED;
	if (((const char *)in.data)[0] == 'd')
		_exit(3);
	memset(duet_job_reserve(job, SIZE), 'x', SIZE);
	return 5;
}

static int run_out_of_time(void *unused)
{
	duet_call_options o = {.timeout = DUET_MS(20), .retries = 2};
	duet_buf out = {0};
	duet_pool_stats_t s;
	(void)unused;
	CHECK_ERR(duet_pool_call_with(pool, &o, "end late", DUET_STR("fail"), &out),
		  DUET_ETIMEDOUT);
	CHECK_HAS(duet_errmsg(), "ran longer than its 0.020 s");
	CHECK_ERR(duet_pool_call_with(pool, &o, "end late", DUET_STR("reply"), &out),
		  DUET_ETIMEDOUT);
	CHECK_ERR(duet_pool_call_with(pool, &o, "end late", DUET_STR("die"), &out), DUET_ETIMEDOUT);
	CHECK(out.data == NULL);
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_EQ(s.timeouts, 3);
	CHECK_EQ(s.retried, 0);
	return 0;
}

/* Whatever a job makes of its grace, its call has timed out. */
TEST(grace_ends_in_a_timeout)
{
	CHECK_OK(duet_job_register("end late", job_end_late));
	pool = jobs_pool(&(duet_pool_options){.workers = 1, .grace = DUET_S(60)});
	CHECK_OK(duet_run(run_out_of_time, NULL));
	CHECK_OK(duet_pool_close(pool));
}
