#include <duet/duet.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static duet_barrier *barrier;

struct party {
	char name;
	duet_time arrives;
	int rounds;
};

static int meet(void *arg)
{
	struct party *p = arg;

	for (int i = 0; i < p->rounds; i++) {
		duet_sleep(p->arrives);
		int place = duet_barrier_wait(barrier);
		if (place < 0)
			return place;
		note("%c%d %d", p->name, place, ms());
	}
	return 0;
}

static int two_rounds(void *arg)
{
	struct party parties[] = {
		{'a', DUET_MS(30), 2}, {'b', DUET_MS(10), 2}, {'c', DUET_MS(20), 2}};
	duet_task *tasks[3];

	(void)arg;
	barrier = duet_barrier_new(3);
	for (int i = 0; i < 3; i++)
		tasks[i] = duet_spawn(meet, &parties[i]);
	CHECK_OK(duet_gather(tasks, 3, NULL));
	duet_barrier_free(barrier);
	return 0;
}

/* All go on when the last has come, with their places in the order of arrival; then again. */
TEST(barrier_opens_for_the_last_and_can_be_used_again)
{
	CHECK_OK(run_virtual(two_rounds, NULL));
	CHECK_STR(notes(), "a2 30, b0 30, c1 30, a2 60, b0 60, c1 60");
}

static int cancel_one(void *arg)
{
	struct party parties[] = {{'a', DUET_MS(1), 1},
				  {'b', DUET_MS(2), 1},
				  {'c', DUET_MS(3), 1},
				  {'d', DUET_MS(9), 1}};
	duet_task *tasks[4];

	(void)arg;
	barrier = duet_barrier_new(3);
	for (int i = 0; i < 4; i++)
		tasks[i] = duet_spawn(meet, &parties[i]);
	duet_sleep(DUET_US(1500));
	CHECK_EQ(duet_barrier_waiting(barrier), 1);
	CHECK_ERR(duet_cancel_await(tasks[0]), DUET_ECANCELED);
	CHECK_EQ(duet_barrier_waiting(barrier), 0);
	CHECK_OK(duet_gather(tasks + 1, 3, NULL));
	CHECK_STR(notes(), "d2 9, b0 9, c1 9");
	duet_barrier_free(barrier);
	return 0;
}

/* A party that is cancelled leaves its place to the next; the places stay 0, 1, 2. */
TEST(barrier_cancelled_party_leaves_without_breaking_it)
{
	CHECK_OK(run_virtual(cancel_one, NULL));
}

static int cancel_and_open(void *arg)
{
	struct party a = {'a', 0, 1};

	(void)arg;
	barrier = duet_barrier_new(2);
	duet_task *t = duet_spawn(meet, &a);
	duet_yield();
	duet_yield();
	CHECK_EQ(duet_barrier_waiting(barrier), 1);
	duet_cancel(t);
	CHECK_EQ(duet_barrier_wait(barrier), 1);
	CHECK_OK(duet_await(t));
	CHECK_STR(notes(), "a0 0");
	CHECK_EQ(duet_barrier_waiting(barrier), 0);
	duet_barrier_free(barrier);
	return 0;
}

/* A barrier that opens in the turn of the cancellation has opened for the cancelled party too. */
TEST(barrier_opening_beats_a_cancel_of_the_same_turn)
{
	CHECK_OK(run_virtual(cancel_and_open, NULL));
}

static int abort_and_reset(void *arg)
{
	struct party a = {'a', 0, 1};

	(void)arg;
	barrier = duet_barrier_new(2);
	duet_task *t = duet_spawn(meet, &a);
	duet_sleep(DUET_MS(1));
	duet_barrier_abort(barrier);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	CHECK_ERR(duet_barrier_wait(barrier), DUET_ECLOSED);
	duet_barrier_reset(barrier);
	t = duet_spawn(meet, &a);
	CHECK_OK(duet_barrier_wait(barrier));
	CHECK_OK(duet_await(t));
	duet_barrier_free(barrier);
	return 0;
}

/* Aborted, it sends everybody away; reset, it works again. */
TEST(barrier_aborted_says_eclosed_until_reset)
{
	CHECK_OK(run_virtual(abort_and_reset, NULL));
}

static int alone(void *arg)
{
	(void)arg;
	CHECK_EQ(duet_barrier_wait(barrier), 0);
	duet_cancel(duet_self());
	CHECK_ERR(duet_barrier_wait(barrier), DUET_ECANCELED);
	return 0;
}

/* One party never waits; none is no barrier. */
TEST(barrier_of_one_never_waits)
{
	CHECK(duet_barrier_new(0) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK(duet_barrier_new(SIZE_MAX) == NULL);
	barrier = duet_barrier_new(1);
	CHECK_OK(run_virtual(alone, NULL));
	CHECK_ERR(duet_barrier_wait(barrier), DUET_ENOTASK);
	CHECK_ERR(duet_barrier_wait(NULL), -EINVAL);
	duet_barrier_free(barrier);
	duet_barrier_free(NULL);
}
