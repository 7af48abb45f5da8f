#include "tests/lib/test.h"
#include "tests/loop/core/virtual.h"
#include <duet/duet.h>
#include <stdint.h>

enum { FAIL = 1 << 20 };

/* Sleeps so many milliseconds and returns them; fails with -EIO if FAIL is added. */
static int work(void *arg)
{
	intptr_t ms = (intptr_t)arg & ~FAIL;
	int r = duet_sleep(DUET_MS(ms));

	if (r < 0)
		return r;
	return (intptr_t)arg & FAIL ? -EIO : (int)ms;
}

#define WORK(ms) duet_spawn(work, (void *)(intptr_t)(ms))

static int gather_order(void *arg)
{
	duet_task *t[] = {WORK(30), WORK(10), WORK(20)};
	int results[3];

	(void)arg;
	CHECK_EQ(duet_gather(t, 3, results), 0);
	CHECK_EQ(results[0], 30);
	CHECK_EQ(results[1], 10);
	CHECK_EQ(results[2], 20);
	CHECK_EQ(duet_now(), DUET_MS(30));
	CHECK_EQ(duet_gather(NULL, 0, NULL), 0);
	return 0;
}

/* Results stand in the order of the arguments, whatever the order of completion. */
TEST(gather_keeps_argument_order)
{
	CHECK_OK(run_virtual(gather_order, NULL));
}

static int gather_fails(void *arg)
{
	duet_task *t[] = {WORK(30), WORK(10 | FAIL), WORK(20 | FAIL), NULL};
	int results[3];

	(void)arg;
	CHECK_ERR(duet_gather(t, 3, results), -EIO);
	CHECK_EQ(results[0], DUET_ECANCELED);
	CHECK_EQ(results[1], -EIO);
	CHECK_EQ(results[2], DUET_ECANCELED);
	CHECK_EQ(duet_now(), DUET_MS(10));
	return 0;
}

/* The first failure cancels the others, and every one is joined. */
TEST(gather_cancels_the_others_on_the_first_failure)
{
	CHECK_OK(run_virtual(gather_fails, NULL));
}

static int gather_null(void *arg)
{
	duet_task *t[] = {WORK(30), NULL};
	int results[2];

	(void)arg;
	CHECK_ERR(duet_gather(t, 2, results), DUET_ENOMEM);
	CHECK_EQ(results[0], DUET_ECANCELED);
	CHECK_EQ(results[1], DUET_ENOMEM);
	CHECK_EQ(duet_now(), 0);
	return 0;
}

/* A task that could not be spawned counts as a failure, and the rest is not leaked. */
TEST(gather_counts_null_as_out_of_memory)
{
	CHECK_OK(run_virtual(gather_null, NULL));
}

static int gather_refuses(void *arg)
{
	duet_task *a = WORK(10), *t[] = {a, duet_self()}, *twice[] = {a, a};

	(void)arg;
	CHECK_ERR(duet_gather(t, 2, NULL), DUET_EDEADLK);
	CHECK_ERR(duet_gather(twice, 2, NULL), DUET_EINVAL);
	CHECK_EQ(duet_await(a), 10);
	return 0;
}

/* Tasks that cannot be taken are refused before any is taken. */
TEST(gather_refuses_self_and_duplicates)
{
	CHECK_OK(run_virtual(gather_refuses, NULL));
}

static int gather_ended(void *arg)
{
	duet_task *t[] = {WORK(3 | FAIL), WORK(2), WORK(1 | FAIL)};

	(void)arg;
	t[0] = (duet_detach(t[0]), duet_spawn(work, (void *)(intptr_t)(4 | FAIL)));
	CHECK_OK(duet_sleep(DUET_MS(50)));
	CHECK_EQ(duet_result(t[2]), -EIO);
	CHECK_ERR(duet_gather(t, 3, NULL), -EIO);
	return 0;
}

/* Gather also takes tasks that have ended already. */
TEST(gather_takes_tasks_that_have_ended)
{
	CHECK_OK(run_virtual(gather_ended, NULL));
}

static int expired_gather(void *arg)
{
	duet_scope s;
	duet_task *t[] = {WORK(100), WORK(200)};
	int results[2];

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(10)));
	CHECK_ERR(duet_gather(t, 2, results), DUET_ECANCELED);
	CHECK_EQ(results[0], DUET_ECANCELED);
	CHECK_EQ(results[1], DUET_ECANCELED);
	t[0] = WORK(5);
	CHECK_ERR(duet_gather(t, 1, results), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK_EQ(duet_now(), DUET_MS(10));
	return 0;
}

/* A gather under an expired scope still joins its children. */
TEST(gather_under_an_expired_scope_joins)
{
	CHECK_OK(run_virtual(expired_gather, NULL));
}

static int settle(void *arg)
{
	duet_task *t[] = {WORK(30), WORK(10 | FAIL), NULL, WORK(20)};
	int results[4];

	(void)arg;
	CHECK_EQ(duet_settle(t, 4, results), 2);
	CHECK_EQ(results[0], 30);
	CHECK_EQ(results[1], -EIO);
	CHECK_EQ(results[2], DUET_ENOMEM);
	CHECK_EQ(results[3], 20);
	CHECK_EQ(duet_now(), DUET_MS(30));
	return 0;
}

/* Settle waits for all and counts the failures. */
TEST(settle_waits_for_all)
{
	CHECK_OK(run_virtual(settle, NULL));
}

static int wait_n(void *arg)
{
	duet_task *t[10];

	(void)arg;
	for (int i = 0; i < 10; i++)
		t[i] = WORK(10 * (i + 1));
	CHECK_EQ(duet_wait(t, 10, 5, DUET_FOREVER), 5);
	CHECK_EQ(duet_now(), DUET_MS(50));
	CHECK_EQ(duet_wait(t, 10, 9, DUET_MS(15)), 6);
	CHECK_EQ(duet_now(), DUET_MS(65));
	CHECK_EQ(duet_wait(t, 10, 100, 0), 6);
	CHECK_EQ(duet_wait(t, 10, 100, DUET_FOREVER), 10);
	CHECK_EQ(duet_now(), DUET_MS(100));
	return duet_gather(t, 10, NULL);
}

/* Wait returns at the n-th completion, or when time is up, and keeps the tasks. */
TEST(wait_returns_at_the_nth_completion)
{
	CHECK_OK(run_virtual(wait_n, NULL));
}

static int wait_to_the_moment(void *arg)
{
	duet_task *t[10];

	(void)arg;
	for (int i = 0; i < 10; i++)
		t[i] = WORK(10 * (i + 1));
	CHECK_EQ(duet_wait(t, 10, 10, DUET_MS(50)), 5);
	CHECK_EQ(duet_wait_ok(t, 10, 10, DUET_MS(20)), 7);
	return duet_settle(t, 10, NULL);
}

/* What ends in the very turn in which the time is up still counts. */
TEST(wait_counts_what_ends_as_time_is_up)
{
	CHECK_OK(run_virtual(wait_to_the_moment, NULL));
}

static int wait_ok(void *arg)
{
	duet_task *t[] = {WORK(10 | FAIL), WORK(20), WORK(30), WORK(40 | FAIL), NULL};

	(void)arg;
	CHECK_EQ(duet_wait_ok(t, 5, 2, DUET_FOREVER), 2);
	CHECK_EQ(duet_now(), DUET_MS(30));
	CHECK_EQ(duet_wait_ok(t, 5, 3, DUET_FOREVER), 2);
	CHECK_EQ(duet_now(), DUET_MS(40));
	CHECK_EQ(duet_settle(t, 5, NULL), 3);
	return 0;
}

/* Counting successes, wait gives up as soon as there cannot be enough. */
TEST(wait_ok_returns_when_enough_is_impossible)
{
	CHECK_OK(run_virtual(wait_ok, NULL));
}

static int wait_many(void *arg)
{
	duet_task *t[100];
	duet_scope s;

	(void)arg;
	for (int i = 0; i < 100; i++)
		t[i] = WORK(10 + i);
	CHECK_OK(duet_scope_enter(&s, DUET_MS(50)));
	CHECK_ERR(duet_wait(t, 100, 100, DUET_FOREVER), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK_EQ(duet_wait(t, 100, 100, DUET_FOREVER), 100);
	return duet_gather(t, 100, NULL);
}

/* An interrupted wait leaves the tasks alone. */
TEST(wait_keeps_the_tasks_when_cancelled)
{
	CHECK_OK(run_virtual(wait_many, NULL));
}

static int race(void *arg)
{
	duet_task *t[] = {WORK(30), WORK(10), WORK(20 | FAIL)};
	size_t winner = 99;

	(void)arg;
	CHECK_EQ(duet_race(t, 3, &winner), 10);
	CHECK_EQ(winner, 1);
	CHECK_EQ(duet_now(), DUET_MS(10));
	CHECK_ERR(duet_race(t, 0, NULL), DUET_EINVAL);
	duet_task *failing[] = {WORK(30), WORK(10 | FAIL)};
	CHECK_ERR(duet_race(failing, 2, &winner), -EIO);
	CHECK_EQ(winner, 1);
	return 0;
}

/* The first to finish wins, also by failing; the losers are cancelled and joined. */
TEST(race_returns_the_first)
{
	CHECK_OK(run_virtual(race, NULL));
}

static int running, most, calls;

static int map_body(void *ctx, size_t i)
{
	calls++;
	if (++running > most)
		most = running;
	CHECK_EQ(*(int *)ctx, 42);
	CHECK_EQ(i + 1, calls);
	int r = duet_sleep(DUET_MS(10));
	running--;
	return r < 0 ? r : (int)(i * i);
}

static int map(void *arg)
{
	int results[10], ctx = 42;

	(void)arg;
	CHECK_EQ(duet_map(10, 3, map_body, &ctx, results), 0);
	CHECK_EQ(most, 3);
	CHECK_EQ(duet_now(), DUET_MS(40));
	for (int i = 0; i < 10; i++)
		CHECK_EQ(results[i], i * i);
	calls = 0;
	CHECK_EQ(duet_map(10, 0, map_body, &ctx, NULL), 0);
	CHECK_EQ(most, 10);
	CHECK_EQ(duet_map(0, 0, map_body, &ctx, NULL), 0);
	return 0;
}

/* Map starts in order and keeps to its limit. */
TEST(map_runs_at_most_limit_at_once)
{
	CHECK_OK(run_virtual(map, NULL));
}

static int fail_at_five(void *ctx, size_t i)
{
	(void)ctx;
	CHECK_LE(i, 6);
	if (i == 5)
		return -EIO;
	return duet_sleep(DUET_MS(10 + (int)i));
}

static int map_failure(void *arg)
{
	int results[100];

	(void)arg;
	CHECK_ERR(duet_map(100, 2, fail_at_five, NULL, results), -EIO);
	CHECK_EQ(results[3], 0);
	CHECK_EQ(results[5], -EIO);
	CHECK_EQ(results[99], DUET_ECANCELED);
	return 0;
}

/* A failing call ends the map; calls that never started count as cancelled. */
TEST(map_stops_at_the_first_failure)
{
	CHECK_OK(run_virtual(map_failure, NULL));
}

static int never_called(void *ctx, size_t i)
{
	(void)ctx, (void)i;
	CHECK(!"called");
	return 0;
}

static int map_too_late(void *arg)
{
	int results[] = {1, 2, 3};
	duet_scope s;

	(void)arg;
	duet_scope_enter(&s, 0);
	CHECK_ERR(duet_map(3, 2, never_called, NULL, results), DUET_ECANCELED);
	duet_scope_exit(&s);
	for (int i = 0; i < 3; i++)
		CHECK_ERR(results[i], DUET_ECANCELED);
	return 0;
}

/* So do they when the map itself is cancelled before it began. */
TEST(map_cancelled_before_it_began_sets_its_results)
{
	CHECK_OK(run_virtual(map_too_late, NULL));
}

static int group_body(void *arg)
{
	duet_group *g = duet_group_open();

	CHECK_OK(duet_group_spawn(g, work, (void *)30));
	CHECK_OK(duet_group_spawn(g, work, (void *)(intptr_t)(10 | (intptr_t)arg)));
	CHECK_EQ(duet_group_count(g), 2);
	return duet_group_close(g);
}

/* A group joins all; its first failure cancels the rest and is what close returns. */
TEST(group_close_returns_the_first_failure)
{
	CHECK_OK(run_virtual(group_body, NULL));
	CHECK_ERR(run_virtual(group_body, (void *)FAIL), -EIO);
}

static int cancelled_group(void *arg)
{
	duet_group *g = duet_group_open();

	(void)arg;
	CHECK_OK(duet_group_spawn(g, work, (void *)30));
	duet_group_cancel(g);
	CHECK_ERR(duet_group_spawn(g, work, (void *)30), DUET_ECANCELED);
	CHECK_OK(duet_group_close(g));
	CHECK_EQ(duet_now(), 0);
	CHECK_OK(duet_group_close(NULL));
	g = duet_group_open();
	CHECK_OK(duet_group_spawn(g, work, (void *)30));
	return 0;
}

/* A cancellation that the group caused itself is no failure; a group left open dies with the run. */
TEST(group_cancel_is_no_failure)
{
	CHECK_OK(run_virtual(cancelled_group, NULL));
}

static int fail_late(void *arg)
{
	duet_sleep(DUET_MS(20));
	return *(int *)arg;
}

static int fail_early(void *arg)
{
	duet_sleep(DUET_MS(10));
	return *(int *)arg;
}

static int gather_failed(void *arg)
{
	int late = -EBADF, early = -EDOM;
	duet_task *t[] = {duet_spawn(fail_late, &late), duet_spawn(fail_early, &early)};

	(void)arg;
	CHECK_OK(duet_sleep(DUET_MS(50)));
	CHECK_EQ(duet_gather(t, 2, NULL), -EDOM);
	return 0;
}

/* Of failures that happened before the call, too, the one that came first counts. */
TEST(gather_of_ended_tasks_returns_the_failure_that_came_first)
{
	CHECK_OK(run_virtual(gather_failed, NULL));
}
