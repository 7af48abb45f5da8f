#include <duet/duet.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static duet_mutex *mutex;

static int hold(void *arg)
{
	int r = duet_mutex_lock(mutex);

	if (r < 0)
		return r;
	note("%s %d", (const char *)arg, ms());
	duet_sleep(DUET_MS(10));
	CHECK_OK(duet_mutex_unlock(mutex));
	return 0;
}

static int in_turn(void *arg)
{
	(void)arg;
	mutex = duet_mutex_new();
	duet_task *tasks[] = {duet_spawn(hold, "a"), duet_spawn(hold, "b"), duet_spawn(hold, "c")};
	CHECK_OK(duet_gather(tasks, 3, NULL));
	CHECK_STR(notes(), "a 0, b 10, c 20");
	CHECK(duet_mutex_owner(mutex) == NULL);
	duet_mutex_free(mutex);
	return 0;
}

/* One task at a time, in the order they came. */
TEST(mutex_lets_one_in_at_a_time_first_in_first_out)
{
	CHECK_OK(run_virtual(in_turn, NULL));
}

static int unlock_and_lock_again(void *arg)
{
	(void)arg;
	mutex = duet_mutex_new();
	CHECK_OK(duet_mutex_lock(mutex));
	duet_task *t = duet_spawn(hold, "waiter");
	duet_yield();
	CHECK_OK(duet_mutex_unlock(mutex));
	CHECK(duet_mutex_owner(mutex) == t);
	CHECK_ERR(duet_mutex_try_lock(mutex), -EAGAIN);
	CHECK_OK(duet_mutex_lock(mutex));
	note("again %d", ms());
	CHECK_OK(duet_mutex_unlock(mutex));
	CHECK_OK(duet_await(t));
	CHECK_STR(notes(), "waiter 0, again 10");
	duet_mutex_free(mutex);
	return 0;
}

/* Unlocking makes the one who waits the owner at once: the unlocker cannot overtake it. */
TEST(mutex_unlock_hands_over_to_the_waiter)
{
	CHECK_OK(run_virtual(unlock_and_lock_again, NULL));
}

static int unlock_anothers(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_mutex_unlock(mutex), -EINVAL);
	CHECK_ERR(duet_mutex_try_lock(mutex), -EAGAIN);
	return 0;
}

static int misuse(void *arg)
{
	(void)arg;
	mutex = duet_mutex_new();
	CHECK_ERR(duet_mutex_unlock(mutex), -EINVAL);
	CHECK_OK(duet_mutex_lock(mutex));
	CHECK(duet_mutex_owner(mutex) == duet_self());
	CHECK_ERR(duet_mutex_lock(mutex), -EDEADLK);
	CHECK_ERR(duet_mutex_try_lock(mutex), -EDEADLK);
	CHECK_OK(duet_await(duet_spawn(unlock_anothers, NULL)));
	CHECK_OK(duet_mutex_unlock(mutex));
	CHECK_ERR(duet_mutex_unlock(mutex), -EINVAL);
	CHECK_OK(duet_mutex_try_lock(mutex));
	CHECK_OK(duet_mutex_unlock(mutex));
	return 0;
}

/* Only the owner may unlock; locking twice is a deadlock found at once. */
TEST(mutex_misused_is_refused)
{
	CHECK_OK(run_virtual(misuse, NULL));
	CHECK_ERR(duet_mutex_lock(mutex), DUET_ENOTASK);
	CHECK_ERR(duet_mutex_try_lock(mutex), DUET_ENOTASK);
	CHECK_ERR(duet_mutex_unlock(mutex), -EINVAL);
	CHECK_ERR(duet_mutex_lock(NULL), -EINVAL);
	CHECK_ERR(duet_mutex_unlock(NULL), -EINVAL);
	duet_mutex_free(mutex);
	duet_mutex_free(NULL);
}

static int cancel_a_waiter(void *arg)
{
	(void)arg;
	mutex = duet_mutex_new();
	CHECK_OK(duet_mutex_lock(mutex));
	duet_task *a = duet_spawn(hold, "gone"), *b = duet_spawn(hold, "next");
	duet_yield();
	CHECK_ERR(duet_cancel_await(a), DUET_ECANCELED);
	CHECK_OK(duet_mutex_unlock(mutex));
	CHECK(duet_mutex_owner(mutex) == b);
	CHECK_OK(duet_await(b));
	CHECK(duet_mutex_owner(mutex) == NULL);
	duet_mutex_free(mutex);
	return 0;
}

/* A cancelled waiter leaves the line; the mutex goes to the next. */
TEST(mutex_cancelled_waiter_is_passed_over)
{
	CHECK_OK(run_virtual(cancel_a_waiter, NULL));
}

static int cancel_then_unlock(void *arg)
{
	(void)arg;
	mutex = duet_mutex_new();
	CHECK_OK(duet_mutex_lock(mutex));
	duet_task *t = duet_spawn(hold, "late");
	duet_yield();
	duet_cancel(t);
	CHECK_OK(duet_mutex_unlock(mutex));
	CHECK(duet_mutex_owner(mutex) == t);
	CHECK_OK(duet_await(t));
	CHECK_STR(notes(), "late 0");
	CHECK(duet_mutex_owner(mutex) == NULL);
	duet_mutex_free(mutex);
	return 0;
}

/* A mutex that is handed over before the cancelled waiter has run is its own, and it unlocks it. */
TEST(mutex_handed_over_beats_a_cancel_of_the_same_turn)
{
	CHECK_OK(run_virtual(cancel_then_unlock, NULL));
}

static int free_under_waiter(void *arg)
{
	(void)arg;
	mutex = duet_mutex_new();
	CHECK_OK(duet_mutex_lock(mutex));
	duet_task *t = duet_spawn(hold, "waiter");
	duet_yield();
	duet_mutex_free(mutex);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	return 0;
}

/* A task that waits for a mutex that is freed is sent away. */
TEST(mutex_freed_under_a_waiter_says_eclosed)
{
	CHECK_OK(run_virtual(free_under_waiter, NULL));
}

static int lock_and_leave(void *arg)
{
	return duet_mutex_lock(arg);
}

static int lock_in_vain(void *arg)
{
	duet_scope s;

	CHECK_ERR(duet_mutex_unlock(arg), DUET_EINVAL);
	CHECK_ERR(duet_mutex_try_lock(arg), DUET_EAGAIN);
	CHECK_OK(duet_scope_enter(&s, DUET_MS(5)));
	CHECK_ERR(duet_mutex_lock(arg), DUET_ECANCELED);
	return duet_scope_exit(&s) == DUET_ETIMEDOUT ? 0 : -1;
}

static int orphan(void *arg)
{
	duet_mutex *m = duet_mutex_new();

	(void)arg;
	CHECK_OK(duet_await(duet_spawn(lock_and_leave, m)));
	CHECK_OK(duet_await(duet_spawn(lock_in_vain, m)));
	duet_mutex_free(m);
	return 0;
}

/* A task that ended with the mutex in hand does not leave it to the next one in its place. */
TEST(mutex_is_not_inherited)
{
	CHECK_OK(duet_run(orphan, NULL));
}
