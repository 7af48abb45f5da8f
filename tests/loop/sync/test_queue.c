#include <duet/duet.h>

#include <string.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static duet_queue *queue;

static int put(void *arg)
{
	int r = duet_queue_put(queue, arg);

	if (r == 0)
		note("put %s %d", (const char *)arg, ms());
	return r;
}

static int get(void *arg)
{
	void *item;
	int r = duet_queue_get(queue, &item);

	if (r == 0)
		note("%s got %s %d", (const char *)arg, (const char *)item, ms());
	return r;
}

static const char *try_get(void)
{
	void *item = NULL;
	int r = duet_queue_try_get(queue, &item);

	return r < 0 ? duet_err_name(r) : item;
}

/* The tutorial's worker: notes "worker job" and takes 0.1 s for it. */
static int work(void *arg)
{
	void *item;
	int r;

	while ((r = duet_queue_get(queue, &item)) == 0) {
		note("worker-%d %s", *(int *)arg, (const char *)item);
		duet_sleep(DUET_MS(100));
		CHECK_OK(duet_queue_task_done(queue));
	}
	return r;
}

static const char *const jobs[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

static int three_workers(void *arg)
{
	int ids[] = {0, 1, 2};

	(void)arg;
	queue = duet_queue_new(DUET_UNBOUNDED);
	duet_group *g = duet_group_open();
	for (int i = 0; i < 3; i++)
		CHECK_OK(duet_group_spawn(g, work, &ids[i]));
	for (int i = 0; i < 10; i++)
		CHECK_OK(duet_queue_put(queue, (void *)jobs[i]));
	CHECK_OK(duet_queue_join(queue));
	CHECK_EQ(ns(), DUET_MS(400));
	duet_group_cancel(g);
	CHECK_OK(duet_group_close(g));
	CHECK_STR(notes(),
		  "worker-0 0, worker-1 1, worker-2 2, worker-0 3, worker-1 4, worker-2 5, "
		  "worker-0 6, worker-1 7, worker-2 8, worker-0 9");
	duet_queue_free(queue);
	return 0;
}

/* The tutorial's three workers and ten jobs of 0.1 s: 0.4 s, and no worker is left over. */
TEST(row_19_three_workers_do_ten_jobs_in_400_ms)
{
	CHECK_OK(run_virtual(three_workers, NULL));
}

struct job {
	int priority;
	char name;
};

static int by_priority(const void *a, const void *b)
{
	return ((const struct job *)a)->priority - ((const struct job *)b)->priority;
}

static int smallest_first(void *arg)
{
	struct job backwards[10], ties[] = {{1, 'a'}, {0, 'b'}, {1, 'c'}, {0, 'd'}, {1, 'e'}};
	void *item;

	(void)arg;
	queue = duet_queue_new_priority(DUET_UNBOUNDED, by_priority);
	for (int i = 0; i < 10; i++) {
		backwards[i] = (struct job){9 - i, 'x'};
		CHECK_OK(duet_queue_put(queue, &backwards[i]));
	}
	for (int i = 0; i < 10; i++) {
		CHECK_OK(duet_queue_get(queue, &item));
		CHECK_EQ(((struct job *)item)->priority, i);
	}
	for (int i = 0; i < 5; i++)
		CHECK_OK(duet_queue_put(queue, &ties[i]));
	while (duet_queue_try_get(queue, &item) == 0)
		note("%c", ((struct job *)item)->name);
	CHECK_STR(notes(), "b, d, a, c, e");
	duet_queue_free(queue);
	return 0;
}

/* Jobs put with priority 9 to 0 come out 0 to 9, and ties in the order they were put. */
TEST(row_20_priorities_come_out_in_order_and_ties_stay_in_theirs)
{
	CHECK_OK(run_virtual(smallest_first, NULL));
}

/* A worker that fails on job 4, and says so by shutting the queue down. */
static int fail_on_four(void *arg)
{
	void *item;
	int r;

	(void)arg;
	while ((r = duet_queue_get(queue, &item)) == 0) {
		if (strcmp(item, "4") == 0) {
			duet_queue_shutdown(queue);
			return -EIO;
		}
		duet_sleep(DUET_MS(100));
		CHECK_OK(duet_queue_task_done(queue));
	}
	return r;
}

static int worker_fails(void *arg)
{
	(void)arg;
	queue = duet_queue_new(DUET_UNBOUNDED);
	for (int i = 0; i < 10; i++)
		CHECK_OK(duet_queue_put(queue, (void *)jobs[i]));
	duet_task *worker = duet_spawn(fail_on_four, NULL);
	CHECK_OK(duet_queue_join(queue));
	CHECK_EQ(ns(), DUET_MS(400));
	CHECK_EQ(duet_queue_unfinished(queue), 6);
	CHECK_ERR(duet_await(worker), -EIO);
	duet_queue_free(queue);
	return 0;
}

/* When the worker fails, join does not hang: the shutdown ends it in the same turn. */
TEST(row_21_join_returns_when_the_worker_has_failed)
{
	CHECK_OK(run_virtual(worker_fails, NULL));
}

static int full_queue(void *arg)
{
	(void)arg;
	queue = duet_queue_new(2);
	duet_task *tasks[] = {duet_spawn(put, "a"), duet_spawn(put, "b"), duet_spawn(put, "c"),
			      duet_spawn(put, "d")};
	duet_sleep(DUET_MS(10));
	CHECK_EQ(duet_queue_len(queue), 2);
	CHECK_ERR(duet_queue_try_put(queue, "e"), -EAGAIN);
	CHECK_STR(try_get(), "a");
	CHECK_ERR(duet_queue_try_put(queue, "e"), -EAGAIN);
	duet_sleep(DUET_MS(10));
	CHECK_STR(try_get(), "b");
	CHECK_STR(try_get(), "c");
	CHECK_STR(try_get(), "d");
	CHECK_STR(try_get(), "EAGAIN");
	CHECK_OK(duet_gather(tasks, 4, NULL));
	CHECK_STR(notes(), "put a 0, put b 0, put c 10, put d 20");
	duet_queue_free(queue);
	return 0;
}

/* A full queue makes put wait; room goes to who has waited longest, and no try_put overtakes. */
TEST(row_22_put_on_a_full_queue_waits_in_order)
{
	CHECK_OK(run_virtual(full_queue, NULL));
}

static int drain(void *arg)
{
	size_t *most = arg;
	void *item;
	uintptr_t expected = 0;

	while (duet_queue_get(queue, &item) == 0) {
		CHECK_EQ((uintptr_t)item, expected);
		expected++;
		if (duet_queue_len(queue) > *most)
			*most = duet_queue_len(queue);
	}
	return (int)(expected / 1000);
}

static int a_million_items(void *arg)
{
	size_t most = 0;
	uintptr_t n = test_is_slow() ? 100000 : 1000000;

	(void)arg;
	queue = duet_queue_new(100);
	duet_task *t = duet_spawn(drain, &most);
	for (uintptr_t i = 0; i < n; i++)
		CHECK_OK(duet_queue_put(queue, (void *)i));
	duet_queue_shutdown(queue);
	CHECK_EQ(duet_await(t), n / 1000);
	CHECK_LE(most, 100);
	duet_queue_free(queue);
	return 0;
}

/* A million items pass through a queue of 100 in order; it never holds more. */
TEST(row_22_bounded_queue_stays_small_over_a_million_items)
{
	CHECK_OK(run_virtual(a_million_items, NULL));
}

static int getters_in_line(void *arg)
{
	(void)arg;
	queue = duet_queue_new(1);
	duet_task *tasks[] = {duet_spawn(get, "A"), duet_spawn(get, "B"), duet_spawn(get, "C")};
	duet_sleep(DUET_MS(1));
	CHECK_OK(duet_queue_try_put(queue, "1"));
	CHECK_OK(duet_queue_try_put(queue, "2"));
	CHECK_EQ(duet_queue_len(queue), 0);
	CHECK_STR(try_get(), "EAGAIN");
	CHECK_OK(duet_queue_put(queue, "3"));
	CHECK_OK(duet_gather(tasks, 3, NULL));
	CHECK_STR(notes(), "A got 1 1, B got 2 1, C got 3 1");
	duet_queue_free(queue);
	return 0;
}

/* Items go to getters in the order they came, also past a try_get that comes between. */
TEST(queue_getters_are_served_in_order)
{
	CHECK_OK(run_virtual(getters_in_line, NULL));
}

static int shutdown(void *arg)
{
	(void)arg;
	queue = duet_queue_new(2);
	CHECK_OK(duet_queue_put(queue, "a"));
	CHECK_OK(duet_queue_put(queue, "b"));
	duet_task *putter = duet_spawn(put, "c");
	duet_sleep(DUET_MS(1));
	duet_queue_shutdown(queue);
	duet_queue_shutdown(queue);
	CHECK_ERR(duet_await(putter), DUET_ECLOSED);
	CHECK_ERR(duet_queue_put(queue, "d"), DUET_ECLOSED);
	CHECK_ERR(duet_queue_try_put(queue, "d"), DUET_ECLOSED);
	CHECK_OK(duet_queue_join(queue));
	CHECK_OK(get("x"));
	CHECK_STR(try_get(), "b");
	CHECK_ERR(get("x"), DUET_ECLOSED);
	CHECK_STR(try_get(), "ECLOSED");
	CHECK_STR(notes(), "x got a 1");
	duet_queue_free(queue);
	return 0;
}

/* After the shutdown puts fail, those that wait too; gets drain what is inside and then fail. */
TEST(queue_shut_down_drains_and_then_says_eclosed)
{
	CHECK_OK(run_virtual(shutdown, NULL));
}

static int join(void *arg)
{
	(void)arg;
	int r = duet_queue_join(queue);
	note("join %d", ms());
	return r;
}

static int shutdown_under_waiters(void *arg)
{
	(void)arg;
	queue = duet_queue_new(2);
	duet_task *getter = duet_spawn(get, "x");
	duet_yield();
	CHECK_OK(duet_queue_put(queue, "a"));
	duet_task *joiner = duet_spawn(join, NULL), *second = duet_spawn(get, "y");
	duet_sleep(DUET_MS(1));
	duet_queue_shutdown(queue);
	CHECK_OK(duet_await(getter));
	CHECK_ERR(duet_await(second), DUET_ECLOSED);
	CHECK_OK(duet_await(joiner));
	CHECK_STR(notes(), "x got a 0, join 1");
	duet_queue_free(queue);
	return 0;
}

/* A shutdown ends the waits of getters and joiners. */
TEST(queue_shut_down_ends_the_waits)
{
	CHECK_OK(run_virtual(shutdown_under_waiters, NULL));
}

static int task_done(void *arg)
{
	(void)arg;
	queue = duet_queue_new(DUET_UNBOUNDED);
	CHECK_ERR(duet_queue_task_done(queue), -EINVAL);
	CHECK_OK(duet_queue_join(queue));
	CHECK_OK(duet_queue_put(queue, "a"));
	duet_task *joiner = duet_spawn(join, NULL);
	duet_sleep(DUET_MS(1));
	CHECK_STR(try_get(), "a");
	CHECK_EQ(duet_queue_unfinished(queue), 1);
	duet_sleep(DUET_MS(1));
	CHECK(!duet_done(joiner));
	CHECK_OK(duet_queue_task_done(queue));
	CHECK_OK(duet_await(joiner));
	CHECK_STR(notes(), "join 2");
	CHECK_ERR(duet_queue_task_done(queue), -EINVAL);
	duet_queue_free(queue);
	return 0;
}

/* join waits for the items to be done, not only taken; one task_done too many is refused. */
TEST(queue_join_waits_for_task_done)
{
	CHECK_OK(run_virtual(task_done, NULL));
}

static int cancel_and_put(void *arg)
{
	(void)arg;
	queue = duet_queue_new(1);
	duet_task *a = duet_spawn(get, "A"), *b = duet_spawn(get, "B"), *c = duet_spawn(get, "C");
	duet_yield();
	CHECK_ERR(duet_cancel_await(a), DUET_ECANCELED);
	duet_cancel(b);
	CHECK_OK(duet_queue_put(queue, "1"));
	CHECK_OK(duet_queue_put(queue, "2"));
	CHECK_OK(duet_await(b));
	CHECK_OK(duet_await(c));
	CHECK_STR(notes(), "B got 1 0, C got 2 0");
	duet_queue_free(queue);
	return 0;
}

/* An item is never given to a getter that has left; one that comes in the turn of the
 * cancellation is given. */
TEST(queue_cancelled_getter_loses_no_item)
{
	CHECK_OK(run_virtual(cancel_and_put, NULL));
}

static int cancel_and_get(void *arg)
{
	(void)arg;
	queue = duet_queue_new(1);
	CHECK_OK(duet_queue_put(queue, "0"));
	duet_task *a = duet_spawn(put, "1"), *b = duet_spawn(put, "2"), *c = duet_spawn(put, "3");
	duet_yield();
	CHECK_ERR(duet_cancel_await(a), DUET_ECANCELED);
	duet_cancel(b);
	CHECK_STR(try_get(), "0");
	CHECK_OK(duet_await(b));
	CHECK_STR(try_get(), "2");
	CHECK_OK(duet_await(c));
	CHECK_STR(try_get(), "3");
	CHECK_EQ(duet_queue_unfinished(queue), 3);
	duet_queue_free(queue);
	return 0;
}

/* The item of a putter that has left is not in; the one that got in as it was cancelled is. */
TEST(queue_cancelled_putter_puts_nothing)
{
	CHECK_OK(run_virtual(cancel_and_get, NULL));
}

static int last_in_first_out(void *arg)
{
	(void)arg;
	queue = duet_queue_new_lifo(3);
	CHECK_OK(duet_queue_put(queue, "a"));
	CHECK_OK(duet_queue_put(queue, "b"));
	CHECK_OK(duet_queue_put(queue, "c"));
	CHECK_ERR(duet_queue_try_put(queue, "d"), -EAGAIN);
	CHECK_STR(try_get(), "c");
	CHECK_OK(duet_queue_put(queue, "d"));
	CHECK_STR(try_get(), "d");
	CHECK_STR(try_get(), "b");
	CHECK_STR(try_get(), "a");
	CHECK_STR(try_get(), "EAGAIN");
	duet_queue_free(queue);
	return 0;
}

/* A LIFO queue gives the item that was put last. */
TEST(queue_lifo_gives_the_last_item)
{
	CHECK_OK(run_virtual(last_in_first_out, NULL));
}

static int free_under_waiters(void *arg)
{
	(void)arg;
	queue = duet_queue_new(1);
	CHECK_OK(duet_queue_put(queue, "a"));
	duet_task *putter = duet_spawn(put, "b"), *joiner = duet_spawn(join, NULL);
	duet_yield();
	duet_queue_free(queue);
	CHECK_ERR(duet_await(putter), DUET_ECLOSED);
	CHECK_ERR(duet_await(joiner), DUET_ECLOSED);
	queue = duet_queue_new(1);
	duet_task *getter = duet_spawn(get, "x");
	duet_yield();
	duet_queue_free(queue);
	CHECK_ERR(duet_await(getter), DUET_ECLOSED);
	return 0;
}

/* Tasks that wait for a queue that is freed are sent away. */
TEST(queue_freed_under_waiters_says_eclosed)
{
	CHECK_OK(run_virtual(free_under_waiters, NULL));
	duet_queue_free(NULL);
}

static int null_items(void *arg)
{
	void *item = &queue;

	(void)arg;
	CHECK_OK(duet_queue_put(queue, NULL));
	CHECK_OK(duet_queue_get(queue, &item));
	CHECK(item == NULL);
	duet_cancel(duet_self());
	CHECK_ERR(duet_queue_put(queue, NULL), DUET_ECANCELED);
	CHECK_ERR(duet_queue_get(queue, &item), DUET_ECANCELED);
	CHECK_ERR(duet_queue_join(queue), DUET_ECANCELED);
	CHECK_EQ(duet_queue_len(queue), 0);
	return 0;
}

/* Capacity 0, no compare function and no queue are refused; NULL is an item like any other. */
TEST(queue_refuses_what_is_none)
{
	CHECK(duet_queue_new(0) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK_HAS(duet_errmsg(), "DUET_UNBOUNDED");
	CHECK(duet_queue_new_priority(1, NULL) == NULL);
	CHECK_EQ(errno, EINVAL);
	queue = duet_queue_new(1);
	CHECK_OK(run_virtual(null_items, NULL));
	CHECK_ERR(duet_queue_put(queue, NULL), DUET_ENOTASK);
	CHECK_ERR(duet_queue_get(queue, &(void *){NULL}), DUET_ENOTASK);
	CHECK_ERR(duet_queue_put(NULL, NULL), -EINVAL);
	CHECK_ERR(duet_queue_get(NULL, NULL), -EINVAL);
	CHECK_ERR(duet_queue_task_done(NULL), -EINVAL);
	CHECK_ERR(duet_queue_join(NULL), -EINVAL);
	duet_queue_free(queue);
}
