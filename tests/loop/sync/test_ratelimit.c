#include <duet/duet.h>

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static duet_ratelimit *limit;

struct taker {
	const char *name;
	double n;
};

static int take(void *arg)
{
	struct taker *t = arg;
	int r = duet_ratelimit_take(limit, t->n);

	if (r == 0)
		note("%s %d", t->name, ms());
	return r;
}

static int take_one(void *ctx, size_t i)
{
	(void)ctx;
	(void)i;
	return duet_ratelimit_take(limit, 1);
}

static int thirty_requests(void *arg)
{
	(void)arg;
	limit = duet_ratelimit_new(600 / 60.0, 10);
	CHECK_OK(duet_map(30, 0, take_one, NULL, NULL));
	CHECK_EQ(ns(), DUET_S(2));
	duet_ratelimit_free(limit);
	return 0;
}

/* 600 a minute, a burst of 10: 30 requests take 2 s whatever the concurrency. */
TEST(row_18_rate_of_600_a_minute_takes_30_requests_in_2_s_beyond_the_burst)
{
	CHECK_OK(run_virtual(thirty_requests, NULL));
}

static int every_tenth(void *arg)
{
	(void)arg;
	limit = duet_ratelimit_new(10, 2);
	for (int i = 0; i < 5; i++) {
		CHECK_OK(duet_ratelimit_take(limit, 1));
		note("%d", ms());
	}
	duet_sleep(DUET_S(10));
	CHECK_EQ(duet_ratelimit_available(limit), 2);
	CHECK_OK(duet_ratelimit_try_take(limit, 1));
	CHECK_OK(duet_ratelimit_try_take(limit, 1));
	CHECK_ERR(duet_ratelimit_try_take(limit, 1), -EAGAIN);
	duet_ratelimit_free(limit);
	return 0;
}

/* The burst goes at once, the rest at the rate; a rest fills the bucket, and no further. */
TEST(ratelimit_spaces_what_exceeds_the_burst)
{
	CHECK_OK(run_virtual(every_tenth, NULL));
	CHECK_STR(notes(), "0, 0, 100, 200, 300");
}

static int a_third_each(void *arg)
{
	(void)arg;
	limit = duet_ratelimit_new(3, 1);
	CHECK_OK(duet_ratelimit_take(limit, 1));
	for (int i = 0; i < 3000; i++)
		CHECK_OK(duet_ratelimit_take(limit, 1));
	CHECK_EQ(ns(), DUET_S(1000));
	duet_ratelimit_free(limit);
	return 0;
}

/* A period that is no whole number of nanoseconds adds up without drift. */
TEST(ratelimit_does_not_drift)
{
	CHECK_OK(run_virtual(a_third_each, NULL));
}

static int large_then_small(void *arg)
{
	struct taker large = {"large", 5}, small = {"small", 1};

	(void)arg;
	limit = duet_ratelimit_new(10, 5);
	CHECK_OK(duet_ratelimit_take(limit, 4));
	duet_task *tasks[] = {duet_spawn(take, &large), duet_spawn(take, &small)};
	duet_yield();
	CHECK_ERR(duet_ratelimit_try_take(limit, 1), -EAGAIN);
	CHECK_OK(duet_gather(tasks, 2, NULL));
	CHECK_STR(notes(), "large 400, small 500");
	duet_ratelimit_free(limit);
	return 0;
}

/* A large take that waits is not overtaken by a small one that could be had. */
TEST(ratelimit_serves_first_in_first_out)
{
	CHECK_OK(run_virtual(large_then_small, NULL));
}

static int beyond_the_bucket(void *arg)
{
	struct taker huge = {"huge", 20}, next = {"next", 1};

	(void)arg;
	limit = duet_ratelimit_new(10, 5);
	CHECK_OK(duet_ratelimit_take(limit, 1));
	duet_task *tasks[] = {duet_spawn(take, &huge), duet_spawn(take, &next)};
	duet_sleep(DUET_MS(101));
	CHECK(fabs(duet_ratelimit_available(limit) + 14.99) < 1e-6);
	CHECK_OK(duet_gather(tasks, 2, NULL));
	CHECK_STR(notes(), "huge 100, next 1700");
	duet_ratelimit_free(limit);
	return 0;
}

/* A take larger than the bucket goes when it is full, and those behind it wait out the debt. */
TEST(ratelimit_take_beyond_the_burst_goes_into_debt)
{
	CHECK_OK(run_virtual(beyond_the_bucket, NULL));
}

static int cancel_the_first(void *arg)
{
	struct taker large = {"large", 5}, small = {"small", 1};

	(void)arg;
	limit = duet_ratelimit_new(10, 5);
	CHECK_OK(duet_ratelimit_take(limit, 5));
	duet_task *a = duet_spawn(take, &large), *b = duet_spawn(take, &small);
	duet_sleep(DUET_MS(50));
	CHECK_ERR(duet_cancel_await(a), DUET_ECANCELED);
	CHECK_OK(duet_await(b));
	CHECK_STR(notes(), "small 100");
	duet_sleep(DUET_MS(100));
	CHECK(fabs(duet_ratelimit_available(limit) - 1) < 1e-6);
	duet_ratelimit_free(limit);
	return 0;
}

/* A cancelled take costs nothing, and the one behind it goes when its own time has come. */
TEST(ratelimit_cancelled_take_lets_the_next_go)
{
	CHECK_OK(run_virtual(cancel_the_first, NULL));
}

static int due_with_the_deadline(void *arg)
{
	duet_scope s;

	(void)arg;
	limit = duet_ratelimit_new(10, 1);
	CHECK_OK(duet_ratelimit_take(limit, 1));
	CHECK_OK(duet_scope_enter(&s, DUET_MS(100)));
	CHECK_OK(duet_ratelimit_take(limit, 1));
	CHECK_EQ(duet_scope_exit(&s), 0);
	duet_ratelimit_free(limit);
	return 0;
}

/* A token that comes with the deadline still counts. */
TEST(ratelimit_token_beats_a_deadline_of_the_same_turn)
{
	CHECK_OK(run_virtual(due_with_the_deadline, NULL));
}

static int adjust(void *arg)
{
	struct taker one = {"one", 1}, two = {"two", 1};

	(void)arg;
	limit = duet_ratelimit_new(10, 10);
	CHECK_OK(duet_ratelimit_take(limit, 10));
	CHECK_OK(duet_ratelimit_adjust(limit, 10));
	duet_task *a = duet_spawn(take, &one);
	duet_sleep(DUET_MS(100));
	CHECK_OK(duet_ratelimit_adjust(limit, -9));
	duet_task *b = duet_spawn(take, &two);
	CHECK_OK(duet_await(a));
	CHECK_OK(duet_ratelimit_set(limit, 1000, 10));
	CHECK_OK(duet_await(b));
	CHECK_STR(notes(), "one 200, two 201");
	duet_ratelimit_free(limit);
	return 0;
}

/* Corrections and a new rate take effect for those who wait already. */
TEST(ratelimit_corrected_serves_waiters_anew)
{
	CHECK_OK(run_virtual(adjust, NULL));
}

static int free_under_waiter(void *arg)
{
	struct taker waiter = {"waiter", 1};

	(void)arg;
	limit = duet_ratelimit_new(1, 1);
	CHECK_OK(duet_ratelimit_take(limit, 1));
	duet_task *t = duet_spawn(take, &waiter);
	duet_yield();
	duet_ratelimit_free(limit);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	CHECK_EQ(ms(), 0);
	return 0;
}

/* A task that waits for a limit that is freed is sent away at once. */
TEST(ratelimit_freed_under_a_waiter_says_eclosed)
{
	CHECK_OK(run_virtual(free_under_waiter, NULL));
}

static int refused(void *arg)
{
	(void)arg;
	limit = duet_ratelimit_new(1, 1);
	CHECK_ERR(duet_ratelimit_take(limit, -1), -EINVAL);
	CHECK_ERR(duet_ratelimit_take(limit, NAN), -EINVAL);
	CHECK_ERR(duet_ratelimit_take(limit, INFINITY), -EINVAL);
	CHECK_ERR(duet_ratelimit_take(limit, 1e300), -EINVAL);
	CHECK_ERR(duet_ratelimit_adjust(limit, NAN), -EINVAL);
	CHECK_ERR(duet_ratelimit_adjust(limit, 1e300), -EINVAL);
	CHECK_ERR(duet_ratelimit_set(limit, 0, 1), -EINVAL);
	CHECK_OK(duet_ratelimit_take(limit, 0));
	CHECK_EQ(duet_ratelimit_available(limit), 1);
	return 0;
}

/* Numbers that make no sense are refused and change nothing. */
TEST(ratelimit_refuses_nonsense)
{
	CHECK(duet_ratelimit_new(0, 1) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK(duet_ratelimit_new(-1, 1) == NULL);
	CHECK(duet_ratelimit_new(1, 0) == NULL);
	CHECK(duet_ratelimit_new(NAN, 1) == NULL);
	CHECK(duet_ratelimit_new(1, NAN) == NULL);
	CHECK(duet_ratelimit_new(INFINITY, 1) == NULL);
	CHECK(duet_ratelimit_new(1e-300, 1) == NULL);
	CHECK_OK(run_virtual(refused, NULL));
	CHECK_ERR(duet_ratelimit_take(limit, 1), DUET_ENOTASK);
	CHECK_ERR(duet_ratelimit_take(NULL, 1), -EINVAL);
	duet_ratelimit_free(limit);
	duet_ratelimit_free(NULL);
}

static int take_in_another_run(void *arg)
{
	(void)arg;
	CHECK_OK(duet_ratelimit_take(limit, 1));
	return ms();
}

/* A limit outlives a run, and what it lacked is waited out on the clock of the next. */
TEST(ratelimit_used_in_two_runs_keeps_its_debt)
{
	limit = duet_ratelimit_new(10, 1);
	CHECK_EQ(run_virtual(take_in_another_run, NULL), 0);
	CHECK_LE(run_virtual(take_in_another_run, NULL), 100);
	duet_ratelimit_free(limit);
}

static int fork_and_free(void *arg)
{
	struct taker waiter = {"waiter", 1};
	int status;

	(void)arg;
	limit = duet_ratelimit_new(1, 1);
	CHECK_OK(duet_ratelimit_take(limit, 1));
	duet_task *t = duet_spawn(take, &waiter);
	duet_yield();
	pid_t pid = fork();
	if (pid == 0) {
		CHECK_ERR(duet_ratelimit_take(limit, 1), DUET_EFORKED);
		CHECK_OK(duet_ratelimit_adjust(limit, 1));
		duet_ratelimit_free(limit);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_OK(duet_await(t));
	duet_ratelimit_free(limit);
	return 0;
}

/* A forked child may free what tasks of its parent wait for. */
TEST(ratelimit_in_a_forked_child_is_harmless)
{
	CHECK_OK(run_virtual(fork_and_free, NULL));
}
