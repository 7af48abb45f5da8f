#include "tests/lib/test.h"
#include "tests/loop/core/virtual.h"
#include <duet/duet.h>

static int sleep_ms(void *arg)
{
	int r = duet_sleep(DUET_MS((intptr_t)arg));

	return r < 0 ? r : 5;
}

static int expire(void *arg)
{
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(10)));
	CHECK_ERR(duet_sleep(DUET_S(1)), DUET_ECANCELED);
	CHECK_EQ(duet_now(), DUET_MS(10));
	CHECK_ERR(duet_sleep(1), DUET_ECANCELED);
	CHECK_ERR(duet_yield(), DUET_ECANCELED);
	CHECK_EQ(duet_cancelled(), true);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK_EQ(duet_cancelled(), false);
	CHECK_OK(duet_sleep(1));
	return 0;
}

/* Once the limit has passed every suspending call fails, until the scope ends. */
TEST(scope_limit_is_level_triggered)
{
	CHECK_OK(run_virtual(expire, NULL));
}

static int tie(void *arg)
{
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(10)));
	CHECK_OK(duet_sleep(DUET_MS(10)));
	CHECK_OK(duet_scope_exit(&s));
	CHECK_EQ(duet_timeout(DUET_MS(10), sleep_ms, (void *)10), 5);
	CHECK_ERR(duet_timeout(DUET_MS(10), sleep_ms, (void *)11), DUET_ETIMEDOUT);
	CHECK_EQ(duet_timeout(DUET_FOREVER, sleep_ms, (void *)11), 5);
	CHECK_ERR(duet_timeout(0, sleep_ms, (void *)11), DUET_ETIMEDOUT);
	return 0;
}

/* A timer that is due together with the deadline counts as completed. */
TEST(scope_loses_against_what_completes_in_the_same_turn)
{
	CHECK_OK(run_virtual(tie, NULL));
}

static int nest(void *arg)
{
	duet_scope outer, inner;

	(void)arg;
	CHECK_OK(duet_scope_enter(&outer, DUET_MS(10)));
	CHECK_OK(duet_scope_enter(&inner, DUET_MS(20)));
	CHECK_ERR(duet_sleep(DUET_S(1)), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&outer), DUET_EINVAL);
	CHECK_OK(duet_scope_exit(&inner));
	CHECK_ERR(duet_sleep(1), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&outer), DUET_ETIMEDOUT);

	CHECK_OK(duet_scope_enter(&outer, DUET_MS(20)));
	CHECK_OK(duet_scope_enter(&inner, DUET_MS(10)));
	CHECK_ERR(duet_sleep(DUET_S(1)), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&inner), DUET_ETIMEDOUT);
	CHECK_OK(duet_sleep(DUET_MS(5)));
	CHECK_OK(duet_scope_exit(&outer));
	return 0;
}

/* Scopes nest: the tightest deadline wins, and only the scope whose limit fired says so. */
TEST(scope_exit_tells_whose_limit_fired)
{
	CHECK_OK(run_virtual(nest, NULL));
}

static int shield(void *arg)
{
	duet_scope outer, inner;

	(void)arg;
	CHECK_OK(duet_scope_enter(&outer, DUET_MS(10)));
	CHECK_OK(duet_scope_shield(&inner, DUET_MS(50)));
	CHECK_OK(duet_sleep(DUET_MS(30)));
	CHECK_OK(duet_scope_exit(&inner));
	CHECK_ERR(duet_sleep(1), DUET_ECANCELED);
	CHECK_OK(duet_scope_shield(&inner, DUET_MS(50)));
	CHECK_ERR(duet_sleep(DUET_S(1)), DUET_ECANCELED);
	CHECK_ERR(duet_scope_exit(&inner), DUET_ETIMEDOUT);
	CHECK_ERR(duet_scope_exit(&outer), DUET_ETIMEDOUT);
	return 0;
}

/* Cancellation from outside cannot reach into a shield; the shield's own limit can. */
TEST(scope_shield_hides_outer_cancellation)
{
	CHECK_OK(run_virtual(shield, NULL));
}

static int clean_up_under_shield(void *arg)
{
	duet_scope s;
	int r = duet_sleep(DUET_S(1));

	CHECK_ERR(r, DUET_ECANCELED);
	CHECK_OK(duet_scope_shield(&s, DUET_S(1)));
	CHECK_OK(duet_sleep(DUET_MS(100)));
	*(int *)arg = 1;
	CHECK_OK(duet_scope_exit(&s));
	return r;
}

static int cancel_cleaner(void *arg)
{
	int cleaned = 0;
	duet_task *t = duet_spawn(clean_up_under_shield, &cleaned);

	(void)arg;
	CHECK_OK(duet_yield());
	duet_cancel(t);
	CHECK_ERR(duet_await(t), DUET_ECANCELED);
	CHECK_EQ(cleaned, 1);
	CHECK_EQ(duet_now(), DUET_MS(100));
	return 0;
}

/* A cancelled task can still do I/O to clean up, under a shield. */
TEST(cancelled_task_cleans_up_under_a_shield)
{
	CHECK_OK(run_virtual(cancel_cleaner, NULL));
}

static int reschedule(void *arg)
{
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(10)));
	CHECK_OK(duet_sleep(DUET_MS(8)));
	CHECK_OK(duet_scope_reschedule(&s, DUET_MS(10)));
	CHECK_OK(duet_sleep(DUET_MS(8)));
	CHECK_ERR(duet_sleep(DUET_MS(8)), DUET_ECANCELED);
	CHECK_ERR(duet_scope_reschedule(&s, DUET_MS(10)), DUET_ETIMEDOUT);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	return 0;
}

/* A deadline can be moved until it has fired. */
TEST(scope_can_be_rescheduled)
{
	CHECK_OK(run_virtual(reschedule, NULL));
}

static int forget_to_exit(void *arg)
{
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(10)));
	return 0;
}

static int sloppy(void *arg)
{
	(void)arg;
	CHECK_OK(duet_await(duet_spawn(forget_to_exit, NULL)));
	return duet_sleep(DUET_MS(50));
}

/* A task that ends inside a scope takes its deadline with it. */
TEST(scope_left_open_dies_with_its_task)
{
	CHECK_OK(run_virtual(sloppy, NULL));
}

/* Outside a task there is nothing to bound. */
TEST(scope_outside_a_task_is_refused)
{
	duet_scope s;

	CHECK_ERR(duet_scope_enter(&s, 1), DUET_ENOTASK);
	CHECK_ERR(duet_scope_exit(&s), DUET_EINVAL);
}

struct bell {
	duet_event *event;
	duet_time at;
};

static int ring(void *arg)
{
	struct bell *bell = arg;

	CHECK_OK(duet_sleep(bell->at));
	duet_event_set(bell->event);
	return 0;
}

static int wait_for_bell(void *arg)
{
	struct bell bell = {duet_event_new(), DUET_MS(10)};
	duet_task *ringer;
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(10)));
	ringer = duet_spawn(ring, &bell);
	CHECK_OK(duet_event_wait(bell.event));
	CHECK_EQ(duet_now(), DUET_MS(10));
	CHECK_OK(duet_scope_exit(&s));
	CHECK_OK(duet_await(ringer));
	duet_event_free(bell.event);
	return 0;
}

/* What another task brings about in the turn of the deadline has completed, though the deadline
 * was set first. */
TEST(scope_loses_against_what_another_task_completes_in_the_same_turn)
{
	CHECK_OK(run_virtual(wait_for_bell, NULL));
}
