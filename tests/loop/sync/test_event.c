#include <duet/duet.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static duet_event *event;

static int wait_for_it(void *arg)
{
	int r = duet_event_wait(event);

	note("%s %s %d", (const char *)arg, duet_err_name(r), ms());
	return r;
}

static int set_for_all(void *arg)
{
	(void)arg;
	event = duet_event_new();
	duet_task *tasks[] = {duet_spawn(wait_for_it, "a"), duet_spawn(wait_for_it, "b"),
			      duet_spawn(wait_for_it, "c")};
	duet_sleep(DUET_MS(5));
	CHECK(!duet_event_is_set(event));
	duet_event_set(event);
	CHECK(duet_event_is_set(event));
	CHECK_OK(duet_gather(tasks, 3, NULL));
	CHECK_OK(duet_event_wait(event));
	duet_event_clear(event);
	CHECK(!duet_event_is_set(event));
	duet_event_free(event);
	return 0;
}

/* Setting it wakes every waiter, in the order they came; while it is set nobody waits. */
TEST(event_set_wakes_all_in_order)
{
	char expected[100];

	CHECK_OK(run_virtual(set_for_all, NULL));
	snprintf(expected, sizeof expected, "a %1$s 5, b %1$s 5, c %1$s 5", duet_err_name(0));
	CHECK_STR(notes(), expected);
}

static int set_and_clear(void *arg)
{
	(void)arg;
	event = duet_event_new();
	duet_task *t = duet_spawn(wait_for_it, "a");
	duet_yield();
	duet_event_set(event);
	duet_event_clear(event);
	CHECK_OK(duet_await(t));
	t = duet_spawn(wait_for_it, "b");
	duet_yield();
	CHECK(!duet_done(t));
	CHECK_ERR(duet_cancel_await(t), DUET_ECANCELED);
	duet_event_free(event);
	return 0;
}

/* Whoever waited when it was set goes on, even if it is cleared before they run. */
TEST(event_cleared_at_once_still_woke_its_waiters)
{
	CHECK_OK(run_virtual(set_and_clear, NULL));
}

static int cancel_then_set(void *arg)
{
	(void)arg;
	event = duet_event_new();
	duet_task *t = duet_spawn(wait_for_it, "a");
	duet_yield();
	duet_cancel(t);
	duet_event_set(event);
	CHECK_OK(duet_await(t));
	duet_event_free(event);
	return 0;
}

/* An event that is set in the turn of the cancellation counts. */
TEST(event_set_beats_a_cancel_of_the_same_turn)
{
	CHECK_OK(run_virtual(cancel_then_set, NULL));
}

static void set_event(void *arg)
{
	(void)arg;
	duet_event_set(event);
}

static int set_by_post(void *arg)
{
	(void)arg;
	event = duet_event_new();
	CHECK_OK(duet_post(duet_loop_current(), set_event, NULL));
	CHECK_OK(duet_event_wait(event));
	duet_event_free(event);
	return 0;
}

/* A post, which is no task, may set it. */
TEST(event_set_by_a_post_wakes)
{
	CHECK_OK(run_virtual(set_by_post, NULL));
}

static int free_under_waiter(void *arg)
{
	(void)arg;
	event = duet_event_new();
	duet_task *t = duet_spawn(wait_for_it, "a");
	duet_yield();
	duet_event_free(event);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	return 0;
}

/* A task that waits for an event that is freed is sent away. */
TEST(event_freed_under_a_waiter_says_eclosed)
{
	CHECK_OK(run_virtual(free_under_waiter, NULL));
	duet_event_free(NULL);
}
