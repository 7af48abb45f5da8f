#include <duet/duet.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static duet_mutex *mutex;
static duet_cond *cond;
static int stock;

static void open_shop(void)
{
	mutex = duet_mutex_new();
	cond = duet_cond_new();
	stock = 0;
}

static void close_shop(void)
{
	CHECK(duet_mutex_owner(mutex) == NULL);
	duet_cond_free(cond);
	duet_mutex_free(mutex);
}

static bool is_mine(void)
{
	return duet_mutex_owner(mutex) == duet_self();
}

/* Waits until there is something in stock and takes one; has the mutex after every wait. */
static int buy(void *arg)
{
	int r = duet_mutex_lock(mutex);

	if (r < 0)
		return r;
	while (stock == 0 && (r = duet_cond_wait(cond, mutex)) == 0)
		CHECK(is_mine());
	CHECK(is_mine());
	if (r == 0) {
		stock--;
		note("%s %d", (const char *)arg, ms());
	}
	CHECK_OK(duet_mutex_unlock(mutex));
	return r;
}

static void deliver(int n)
{
	CHECK_OK(duet_mutex_lock(mutex));
	for (; n > 0; n--) {
		stock++;
		duet_cond_signal(cond);
	}
	CHECK_OK(duet_mutex_unlock(mutex));
}

static int signal_one_by_one(void *arg)
{
	(void)arg;
	open_shop();
	duet_task *tasks[] = {duet_spawn(buy, "a"), duet_spawn(buy, "b"), duet_spawn(buy, "c")};
	for (int i = 0; i < 3; i++) {
		duet_sleep(DUET_MS(1));
		deliver(1);
	}
	CHECK_OK(duet_gather(tasks, 3, NULL));
	CHECK_STR(notes(), "a 1, b 2, c 3");
	close_shop();
	return 0;
}

/* Each signal lets one waiter go on, in the order they came. */
TEST(cond_signal_wakes_one_in_order)
{
	CHECK_OK(run_virtual(signal_one_by_one, NULL));
}

static int broadcast(void *arg)
{
	(void)arg;
	open_shop();
	duet_task *tasks[] = {duet_spawn(buy, "a"), duet_spawn(buy, "b"), duet_spawn(buy, "c")};
	duet_sleep(DUET_MS(1));
	CHECK_OK(duet_mutex_lock(mutex));
	stock = 2;
	duet_cond_broadcast(cond);
	CHECK_OK(duet_mutex_unlock(mutex));
	duet_sleep(DUET_MS(1));
	CHECK_STR(notes(), "a 1, b 1");
	deliver(1);
	CHECK_OK(duet_gather(tasks, 3, NULL));
	close_shop();
	return 0;
}

/* A broadcast wakes all; who finds nothing waits again. */
TEST(cond_broadcast_wakes_all)
{
	CHECK_OK(run_virtual(broadcast, NULL));
}

static int hold_mutex(void *arg)
{
	CHECK_OK(duet_mutex_lock(mutex));
	duet_sleep(*(duet_time *)arg);
	CHECK_OK(duet_mutex_unlock(mutex));
	return 0;
}

static int cancel_while_mutex_is_taken(void *arg)
{
	duet_time while_taken = DUET_MS(50);

	(void)arg;
	open_shop();
	duet_task *waiter = duet_spawn(buy, "a");
	duet_yield();
	duet_task *holder = duet_spawn(hold_mutex, &while_taken);
	duet_yield();
	duet_cancel(waiter);
	CHECK_ERR(duet_await(waiter), DUET_ECANCELED);
	CHECK_EQ(ms(), 50);
	CHECK_OK(duet_await(holder));
	close_shop();
	return 0;
}

/* A cancelled wait has the mutex again when it returns, although it had to wait for it. */
TEST(cond_cancelled_wait_retakes_the_mutex)
{
	CHECK_OK(run_virtual(cancel_while_mutex_is_taken, NULL));
}

static int cancel_and_signal(void *arg)
{
	bool cancel_first = *(bool *)arg;

	open_shop();
	duet_task *t = duet_spawn(buy, "a");
	duet_yield();
	if (cancel_first)
		duet_cancel(t);
	deliver(1);
	duet_cancel(t);
	CHECK_OK(duet_await(t));
	CHECK_EQ(stock, 0);
	CHECK_STR(notes(), "a 0");
	close_shop();
	return 0;
}

/* A signal is not lost on a task that is cancelled in the same turn: its wait says 0. */
TEST(cond_signal_beats_a_cancel_of_the_same_turn)
{
	CHECK_OK(run_virtual(cancel_and_signal, &(bool){false}));
	CHECK_OK(run_virtual(cancel_and_signal, &(bool){true}));
}

static bool has_three(void *arg)
{
	(void)arg;
	CHECK(is_mine());
	return stock >= 3;
}

static int buy_three(void *arg)
{
	(void)arg;
	CHECK_OK(duet_mutex_lock(mutex));
	int r = duet_cond_wait_for(cond, mutex, has_three, NULL);
	note("three %d", ms());
	CHECK_OK(duet_mutex_unlock(mutex));
	return r;
}

static int wait_for(void *arg)
{
	(void)arg;
	open_shop();
	duet_task *t = duet_spawn(buy_three, NULL);
	for (int i = 0; i < 4; i++) {
		duet_sleep(DUET_MS(1));
		deliver(1);
	}
	CHECK_OK(duet_await(t));
	CHECK_STR(notes(), "three 3");
	CHECK_OK(duet_await(duet_spawn(buy_three, NULL)));
	close_shop();
	return 0;
}

/* wait_for returns once its question is answered with yes, asked with the mutex held. */
TEST(cond_wait_for_waits_for_its_question)
{
	CHECK_OK(run_virtual(wait_for, NULL));
}

static int misuse(void *arg)
{
	(void)arg;
	open_shop();
	CHECK_ERR(duet_cond_wait(cond, mutex), -EINVAL);
	CHECK_ERR(duet_cond_wait(cond, NULL), -EINVAL);
	CHECK_ERR(duet_cond_wait(NULL, mutex), -EINVAL);
	CHECK_ERR(duet_cond_wait_for(cond, mutex, has_three, NULL), -EINVAL);
	duet_cond_signal(cond);
	duet_cond_broadcast(cond);
	CHECK_OK(duet_mutex_lock(mutex));
	duet_cancel(duet_self());
	CHECK_ERR(duet_cond_wait(cond, mutex), DUET_ECANCELED);
	CHECK(is_mine());
	CHECK_OK(duet_mutex_unlock(mutex));
	close_shop();
	return 0;
}

/* Waiting without the mutex is refused; a refused wait does not let it go. */
TEST(cond_misused_is_refused)
{
	CHECK_OK(run_virtual(misuse, NULL));
	CHECK_ERR(duet_cond_wait(NULL, NULL), -EINVAL);
	duet_cond_free(NULL);
}

static int free_under_waiter(void *arg)
{
	(void)arg;
	open_shop();
	duet_task *t = duet_spawn(buy, "a");
	duet_yield();
	duet_cond_free(cond);
	CHECK_ERR(duet_await(t), DUET_ECLOSED);
	CHECK(duet_mutex_owner(mutex) == NULL);
	duet_mutex_free(mutex);
	return 0;
}

/* A task that waits for a condition that is freed is sent away, with its mutex. */
TEST(cond_freed_under_a_waiter_says_eclosed)
{
	CHECK_OK(run_virtual(free_under_waiter, NULL));
}
