/* The tutorial's statements about tasks, row by row, with the figures it gives, on virtual time.
 * The rows that are about the outside world are in test_tutorial_world.c. */
#include "tests/lib/run.h"
#include "tests/lib/test.h"

#include <duet/duet.h>
#include <stdlib.h>

static int sleep_ms(void *arg)
{
	int duration = *(const int *)arg;
	int r = duet_sleep(DUET_MS(duration));

	return r < 0 ? r : duration;
}

static void spawn_sleepers(duet_task *tasks[], int durations[], int n)
{
	for (int i = 0; i < n; i++)
		tasks[i] = duet_spawn(sleep_ms, &durations[i]);
}

static int suspend_at(int depth)
{
	return depth == 0 ? duet_sleep(DUET_MS(100)) : suspend_at(depth - 1);
}

static int tick(void *arg)
{
	int *ticks = arg;

	while (duet_sleep(DUET_MS(10)) == 0)
		++*ticks;
	return 0;
}

static int row_3(void *arg)
{
	int ticks = 0;
	duet_task *ticker = duet_spawn(tick, &ticks);

	(void)arg;
	CHECK_EQ(suspend_at(5), 0);
	CHECK_EQ(ms(), 100);
	CHECK_GE(ticks, 9);
	duet_cancel_await(ticker);
	return 0;
}

/* A suspension five calls deep lets the others run. */
TEST(tutorial_03_straight_code_suspends_at_any_depth)
{
	CHECK_OK(run_virtual(row_3, NULL));
}

static int row_4(void *arg)
{
	(void)arg;
	note("Hello %d", ms());
	duet_sleep(DUET_S(1));
	note("World %d", ms());
	return 7;
}

/* A run takes its second, returns its task's result, and can be followed by another. */
TEST(tutorial_04_run_hello_world_takes_one_second)
{
	CHECK_EQ(run_virtual(row_4, NULL), 7);
	CHECK_STR(notes(), "Hello 0, World 1000");
	CHECK_EQ(run_virtual(row_4, NULL), 7);
}

static int row_5(void *arg)
{
	int ticks = 0;
	duet_task *ticker = duet_spawn(tick, &ticks);

	(void)arg;
	duet_sleep(DUET_MS(300));
	CHECK(ticks == 29 || ticks == 30);
	duet_cancel_await(ticker);
	return 0;
}

/* During a sleep of 0.3 s another task ticks 29 or 30 times. */
TEST(tutorial_05_sleep_does_not_block_the_others)
{
	CHECK_OK(run_virtual(row_5, NULL));
}

static duet_event *events[3];

static int wait_event(void *arg)
{
	int i = *(const int *)arg;

	duet_event_wait(events[i]);
	note("%c", "ABC"[i]);
	return 0;
}

static int row_6(void *arg)
{
	int numbers[] = {0, 1, 2};
	duet_task *tasks[3];

	(void)arg;
	for (int i = 0; i < 3; i++) {
		events[i] = duet_event_new();
		tasks[i] = duet_spawn(wait_event, &numbers[i]);
	}
	duet_yield();
	duet_event_set(events[0]);
	duet_event_set(events[2]);
	duet_event_set(events[1]);
	CHECK_EQ(duet_gather(tasks, 3, NULL), 0);
	for (int i = 0; i < 3; i++)
		duet_event_free(events[i]);
	return 0;
}

/* Tasks run in the order in which they were woken. */
TEST(tutorial_06_woken_tasks_run_in_the_order_of_waking)
{
	CHECK_OK(run_virtual(row_6, NULL));
	CHECK_STR(notes(), "A, C, B");
}

static int row_7(void *arg)
{
	int half[] = {500, 500};
	duet_task *tasks[2];

	(void)arg;
	sleep_ms(&half[0]);
	sleep_ms(&half[1]);
	CHECK_EQ(ms(), 1000);
	spawn_sleepers(tasks, half, 2);
	CHECK_EQ(duet_gather(tasks, 2, NULL), 0);
	CHECK_EQ(ms(), 1500);
	return 0;
}

/* Two calls of 0.5 s take 1.00 s one after the other and 0.50 s as tasks. */
TEST(tutorial_07_say_after_sequential_and_concurrent)
{
	CHECK_OK(run_virtual(row_7, NULL));
}

static int row_8(void *arg)
{
	int durations[] = {500, 300, 400}, results[3];
	duet_task *tasks[3];

	(void)arg;
	spawn_sleepers(tasks, durations, 3);
	CHECK_EQ(duet_gather(tasks, 3, results), 0);
	CHECK_EQ(ms(), 500);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(results[i], durations[i]);
	return 0;
}

/* Three calls of 0.5, 0.3 and 0.4 s take 0.50 s together. */
TEST(tutorial_08_gather_takes_as_long_as_the_slowest)
{
	CHECK_OK(run_virtual(row_8, NULL));
}

static int say_task(void *arg)
{
	(void)arg;
	note("task");
	return duet_yield();
}

static int row_9(void *arg)
{
	duet_task *lazy = duet_spawn(say_task, NULL);

	(void)arg;
	note("after create");
	CHECK_EQ(duet_await(lazy), 0);
	CHECK_STR(notes(), "after create, task");
	duet_task *eager = duet_spawn_with(&(duet_task_options){.eager = true}, say_task, NULL);
	note("after create");
	CHECK_EQ(duet_await(eager), 0);
	CHECK_STR(notes(), "task, after create");
	return 0;
}

/* A task's body starts at its creator's next suspension; an eager one's at once. */
TEST(tutorial_09_create_task_starts_at_the_next_suspension)
{
	CHECK_OK(run_virtual(row_9, NULL));
}

static int row_10(void *arg)
{
	int durations[] = {200, 200, 200, 200, 200};
	duet_task *tasks[5];

	(void)arg;
	spawn_sleepers(tasks, durations, 5);
	CHECK_EQ(duet_gather(tasks, 5, NULL), 0);
	CHECK_EQ(ms(), 200);
	return 0;
}

/* Five chats of 0.2 s take 0.2 s, not 1.0. */
TEST(tutorial_10_batch_chat_takes_as_long_as_one)
{
	CHECK_OK(run_virtual(row_10, NULL));
}

enum { PERMUTED = 12 };

static void shuffle(int *numbers, int n)
{
	for (int i = n - 1; i > 0; i--) {
		int j = rand() % (i + 1), swapped = numbers[i];
		numbers[i] = numbers[j];
		numbers[j] = swapped;
	}
}

static int row_11(void *arg)
{
	int durations[PERMUTED], results[PERMUTED];
	duet_task *tasks[PERMUTED];

	(void)arg;
	for (int i = 0; i < PERMUTED; i++)
		durations[i] = i + 1;
	for (int round = 0; round < 1000; round++) {
		shuffle(durations, PERMUTED);
		spawn_sleepers(tasks, durations, PERMUTED);
		CHECK_EQ(duet_gather(tasks, PERMUTED, results), 0);
		for (int i = 0; i < PERMUTED; i++)
			CHECK_EQ(results[i], durations[i]);
	}
	return 0;
}

/* Whatever the order of finishing, results keep the order of the arguments. */
TEST(tutorial_11_gather_keeps_the_order_of_its_arguments)
{
	srand((unsigned)test_seed());
	CHECK_OK(run_virtual(row_11, NULL));
}

static int risky(void *arg)
{
	int r = duet_sleep(DUET_MS(100));

	return r < 0 ? r : *(const bool *)arg ? DUET_EINVAL : 0;
}

static int row_12(void *arg)
{
	bool unlucky[10];
	duet_task *tasks[10];
	int results[10], failing = 0;

	(void)arg;
	for (int i = 0; i < 10; i++) {
		unlucky[i] = rand() % 10 < 3;
		failing += unlucky[i];
		tasks[i] = duet_spawn(risky, &unlucky[i]);
	}
	CHECK_EQ(duet_settle(tasks, 10, results), failing);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(results[i], unlucky[i] ? DUET_EINVAL : 0);
	return 0;
}

/* Each failure stays in the slot of its own task. */
TEST(tutorial_12_risky_tasks_fail_in_their_own_slots)
{
	srand((unsigned)test_seed());
	CHECK_OK(run_virtual(row_12, NULL));
}

static int count_cleanup(void *arg)
{
	int r = sleep_ms(arg);

	if (r < 0)
		note("cleanup");
	return r;
}

static int row_13(void *arg)
{
	int distinct[10], equal[10], cancelled = 0, results[10];
	duet_task *tasks[10];

	(void)arg;
	for (int i = 0; i < 10; i++) {
		distinct[i] = 100 * (10 - i);
		equal[i] = 100;
	}
	spawn_sleepers(tasks, distinct, 10);
	CHECK_EQ(duet_wait(tasks, 10, 1, DUET_FOREVER), 1);
	CHECK_EQ(ms(), 100);
	CHECK_EQ(duet_result(tasks[9]), 100);
	for (int i = 0; i < 9; i++)
		duet_cancel(tasks[i]);
	CHECK_EQ(duet_settle(tasks, 10, results), 9);
	for (int i = 0; i < 10; i++)
		cancelled += results[i] == DUET_ECANCELED;
	CHECK_EQ(cancelled, 9);
	CHECK_EQ(ms(), 100);
	spawn_sleepers(tasks, equal, 10);
	CHECK_EQ(duet_wait(tasks, 10, 1, DUET_FOREVER), 10);
	CHECK_EQ(duet_gather(tasks, 10, NULL), 0);
	return 0;
}

/* The first of ten ends the wait; the nine others are cancelled and joined.  If all finish in one
 * tick, all ten are reported, and no result throws. */
TEST(tutorial_13_wait_first_completed_cancels_and_joins_the_rest)
{
	CHECK_OK(run_virtual(row_13, NULL));
}

static int row_14(void *arg)
{
	int long_time = 60000;
	duet_task *t = duet_spawn(count_cleanup, &long_time);

	(void)arg;
	duet_yield();
	duet_cancel(t);
	CHECK(!duet_done(t));
	CHECK_STR(notes(), "");
	CHECK_EQ(duet_cancel_await(t), DUET_ECANCELED);
	CHECK_STR(notes(), "cleanup");
	CHECK_EQ(ms(), 0);
	return 0;
}

/* cancel is a request; once the task is joined its cleanup has run. */
TEST(tutorial_14_cancel_is_a_request_and_joining_completes_it)
{
	CHECK_OK(run_virtual(row_14, NULL));
}

static int vote(void *arg)
{
	int after = *(const int *)arg;
	int r = duet_sleep(DUET_MS(100) * abs(after));

	return r < 0 ? r : after < 0 ? DUET_ESERVER : 0;
}

/* Ten tasks that end after 100, 200 ... 1000 ms; the first `bad` of them fail. */
static void spawn_votes(duet_task *tasks[10], int votes[10], int bad)
{
	for (int i = 0; i < 10; i++) {
		votes[i] = i < bad ? -(i + 1) : i + 1;
		tasks[i] = duet_spawn(vote, &votes[i]);
	}
}

static int row_15(void *arg)
{
	int votes[10];
	duet_task *tasks[10];

	(void)arg;
	spawn_votes(tasks, votes, 0);
	CHECK_EQ(duet_wait(tasks, 10, 5, DUET_FOREVER), 5);
	CHECK_EQ(ms(), 500);
	duet_settle(tasks, 10, NULL);
	CHECK_EQ(ms(), 1000);

	spawn_votes(tasks, votes, 2);
	CHECK_EQ(duet_wait_ok(tasks, 10, 5, DUET_FOREVER), 5);
	CHECK_EQ(ms(), 1700);
	duet_settle(tasks, 10, NULL);

	spawn_votes(tasks, votes, 6);
	CHECK_EQ(duet_wait_ok(tasks, 10, 5, DUET_FOREVER), 0);
	CHECK_EQ(ms(), 2600);
	duet_settle(tasks, 10, NULL);
	return 0;
}

/* Any five of ten: at the fifth finish; five successes: at the fifth, or once impossible. */
TEST(tutorial_15_wait_for_five_of_ten)
{
	CHECK_OK(run_virtual(row_15, NULL));
}

static int row_16(void *arg)
{
	int duration = 10, results[2];
	duet_task *tasks[] = {duet_spawn(sleep_ms, &duration), NULL};

	(void)arg;
	CHECK_EQ(duet_settle(tasks, 2, results), 1);
	CHECK_EQ(results[0], 10);
	CHECK_EQ(results[1], -ENOMEM);
	return 0;
}

/* What is waited for is a task by type; one that could not be made counts as failed. */
TEST(tutorial_16_wait_takes_tasks_and_nothing_else)
{
	CHECK_OK(run_virtual(row_16, NULL));
}
