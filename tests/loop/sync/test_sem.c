#include <duet/duet.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static duet_sem *sem;

struct caller {
	const char *name;
	duet_time holds;
	int result;
};

/* Notes "name in ms" when it has a permit, and gives it back after a while. */
static int call(void *arg)
{
	struct caller *c = arg;

	c->result = duet_sem_acquire(sem);
	if (c->result < 0)
		return c->result;
	note("%s %d", c->name, ms());
	duet_sleep(c->holds);
	CHECK_OK(duet_sem_release(sem));
	return 0;
}

static int inside, most_inside;

static int request(void *ctx, size_t i)
{
	(void)ctx;
	(void)i;
	CHECK_OK(duet_sem_acquire(sem));
	inside++;
	if (inside > most_inside)
		most_inside = inside;
	duet_sleep(DUET_MS(200));
	inside--;
	CHECK_OK(duet_sem_release(sem));
	return 0;
}

static int ten_requests_three_at_once(void *arg)
{
	duet_sem_stats_t stats;

	(void)arg;
	sem = duet_sem_new(3);
	CHECK_OK(duet_map(10, 0, request, NULL, NULL));
	CHECK_EQ(ns(), DUET_MS(800));
	CHECK_EQ(most_inside, 3);
	duet_sem_stats(sem, &stats);
	CHECK_EQ(stats.permits, 3);
	CHECK_EQ(stats.taken, 0);
	CHECK_EQ(stats.peak, 3);
	CHECK_EQ(stats.acquired, 10);
	CHECK_EQ(stats.waited, 7);
	duet_sem_free(sem);
	return 0;
}

/* The tutorial's Semaphore(3) around ten calls of 0.2 s: four rounds, 0.8 s, never more than 3. */
TEST(row_17_semaphore_of_3_takes_10_calls_in_4_rounds)
{
	CHECK_OK(run_virtual(ten_requests_three_at_once, NULL));
}

static int one_after_another(void *arg)
{
	struct caller callers[] = {
		{"a", DUET_MS(1), 0}, {"b", DUET_MS(1), 0}, {"c", DUET_MS(1), 0}};
	duet_task *tasks[3];

	(void)arg;
	sem = duet_sem_new(1);
	for (int i = 0; i < 3; i++)
		tasks[i] = duet_spawn(call, &callers[i]);
	CHECK_OK(duet_gather(tasks, 3, NULL));
	CHECK_STR(notes(), "a 0, b 1, c 2");
	duet_sem_free(sem);
	return 0;
}

/* Waiters get their permits in the order they came. */
TEST(sem_waiters_enter_first_in_first_out)
{
	CHECK_OK(run_virtual(one_after_another, NULL));
}

static int release_then_acquire_again(void *arg)
{
	struct caller waiter = {"waiter", DUET_MS(5), 0};

	(void)arg;
	sem = duet_sem_new(1);
	CHECK_OK(duet_sem_acquire(sem));
	duet_task *t = duet_spawn(call, &waiter);
	duet_yield();
	CHECK_OK(duet_sem_release(sem));
	CHECK_EQ(duet_sem_available(sem), 0);
	CHECK_ERR(duet_sem_try_acquire(sem), -EAGAIN);
	CHECK_OK(duet_sem_acquire(sem));
	note("again %d", ms());
	CHECK_OK(duet_sem_release(sem));
	CHECK_OK(duet_await(t));
	CHECK_STR(notes(), "waiter 0, again 5");
	duet_sem_free(sem);
	return 0;
}

/* Whoever releases and wants in again does not overtake the one who waits. */
TEST(sem_newcomer_does_not_overtake_a_waiter)
{
	CHECK_OK(run_virtual(release_then_acquire_again, NULL));
}

static int release_too_often(void *arg)
{
	(void)arg;
	sem = duet_sem_new(2);
	CHECK_ERR(duet_sem_release(sem), -EINVAL);
	CHECK_HAS(duet_errmsg(), "more often");
	CHECK_OK(duet_sem_acquire(sem));
	CHECK_OK(duet_sem_release(sem));
	CHECK_ERR(duet_sem_release(sem), -EINVAL);
	CHECK_EQ(duet_sem_available(sem), 2);
	duet_sem_free(sem);
	return 0;
}

/* A release that no acquire stands against is refused, and adds no permit. */
TEST(sem_released_too_often_is_einval)
{
	CHECK_OK(run_virtual(release_too_often, NULL));
}

static int cancel_a_waiter(void *arg)
{
	struct caller gone = {"gone", 0, 0}, next = {"next", 0, 0};

	(void)arg;
	sem = duet_sem_new(1);
	CHECK_OK(duet_sem_acquire(sem));
	duet_task *a = duet_spawn(call, &gone), *b = duet_spawn(call, &next);
	duet_yield();
	CHECK_ERR(duet_cancel_await(a), DUET_ECANCELED);
	CHECK_OK(duet_sem_release(sem));
	CHECK_OK(duet_await(b));
	CHECK_STR(notes(), "next 0");
	CHECK_EQ(duet_sem_available(sem), 1);
	duet_sem_free(sem);
	return 0;
}

/* A cancelled waiter takes no permit with it, and the next in line gets it. */
TEST(sem_cancelled_waiter_loses_no_permit)
{
	CHECK_OK(run_virtual(cancel_a_waiter, NULL));
}

static int release_and_cancel(void *arg)
{
	bool cancel_first = *(bool *)arg;
	struct caller waiter = {"waiter", 0, 0};

	sem = duet_sem_new(1);
	CHECK_OK(duet_sem_acquire(sem));
	duet_task *t = duet_spawn(call, &waiter);
	duet_yield();
	if (cancel_first)
		duet_cancel(t);
	CHECK_OK(duet_sem_release(sem));
	duet_cancel(t);
	duet_await(t);
	CHECK_EQ(waiter.result, 0);
	CHECK_EQ(duet_sem_available(sem), 1);
	duet_sem_free(sem);
	return 0;
}

/* A permit that is handed over in the turn of the cancellation counts: acquire says 0. */
TEST(sem_release_beats_a_cancel_of_the_same_turn)
{
	CHECK_OK(run_virtual(release_and_cancel, &(bool){false}));
	CHECK_OK(run_virtual(release_and_cancel, &(bool){true}));
}

static int resize(void *arg)
{
	struct caller callers[] = {{"a", DUET_MS(10), 0},
				   {"b", DUET_MS(10), 0},
				   {"c", DUET_MS(10), 0},
				   {"d", DUET_MS(10), 0}};
	duet_task *tasks[4];

	(void)arg;
	sem = duet_sem_new(0);
	for (int i = 0; i < 4; i++)
		tasks[i] = duet_spawn(call, &callers[i]);
	duet_sleep(DUET_MS(1));
	CHECK_OK(duet_sem_resize(sem, 2));
	duet_sleep(DUET_MS(1));
	CHECK_OK(duet_sem_resize(sem, 1));
	CHECK_EQ(duet_sem_available(sem), 0);
	CHECK_OK(duet_gather(tasks, 4, NULL));
	CHECK_STR(notes(), "a 1, b 1, c 11, d 21");
	CHECK_EQ(duet_sem_available(sem), 1);
	duet_sem_free(sem);
	return 0;
}

/* More permits let waiters in at once; fewer throw nobody out but are respected from then on. */
TEST(sem_resized_admits_or_drains)
{
	CHECK_OK(run_virtual(resize, NULL));
}

static int free_under_waiter(void *arg)
{
	struct caller waiter = {"waiter", 0, 0};

	(void)arg;
	sem = duet_sem_new(0);
	duet_task *t = duet_spawn(call, &waiter);
	duet_yield();
	duet_sem_free(sem);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	CHECK_HAS(duet_errmsg(), "semaphore");
	return 0;
}

/* A task that waits for a semaphore that is freed is sent away, not left behind. */
TEST(sem_freed_under_a_waiter_says_eclosed)
{
	CHECK_OK(run_virtual(free_under_waiter, NULL));
}

static int acquire_cancelled(void *arg)
{
	(void)arg;
	duet_cancel(duet_self());
	CHECK_ERR(duet_sem_acquire(sem), DUET_ECANCELED);
	CHECK_OK(duet_sem_try_acquire(sem));
	CHECK_OK(duet_sem_release(sem));
	return 0;
}

/* A cancelled task gets no permit by acquire, even a free one; outside tasks nobody can wait. */
TEST(sem_acquire_where_it_may_not_suspend_fails)
{
	sem = duet_sem_new(1);
	CHECK_OK(run_virtual(acquire_cancelled, NULL));
	CHECK_ERR(duet_sem_acquire(sem), DUET_ENOTASK);
	CHECK_OK(duet_sem_try_acquire(sem));
	CHECK_OK(duet_sem_release(sem));
	CHECK_ERR(duet_sem_acquire(NULL), -EINVAL);
	CHECK_ERR(duet_sem_release(NULL), -EINVAL);
	duet_sem_free(sem);
	duet_sem_free(NULL);
}

static int wait_for_ever(void *arg)
{
	(void)arg;
	return duet_sem_acquire(sem);
}

/* A semaphore that nobody can release any more is a deadlock, and the words name it. */
TEST(sem_nobody_can_release_is_a_deadlock)
{
	sem = duet_sem_new(0);
	CHECK_ERR(run_virtual(wait_for_ever, NULL), DUET_EDEADLK);
	CHECK_HAS(duet_errmsg(), "semaphore");
	duet_sem_free(sem);
}
