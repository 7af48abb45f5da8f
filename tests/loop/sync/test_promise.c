/* ctest-labels: threads */
#include <duet/duet.h>

#include <pthread.h>
#include <stdlib.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static duet_promise *promise;
static int discarded;

static void count_discarded(void *value)
{
	discarded++;
	free(value);
}

static int await(void *arg)
{
	void *value = NULL;
	int r = duet_promise_await(promise, &value);

	note("%s %d %s %d", (const char *)arg, r, value != NULL ? (const char *)value : "-", ms());
	return r;
}

static int resolve_for_two(void *arg)
{
	(void)arg;
	promise = duet_promise_new(NULL);
	duet_task *tasks[] = {duet_spawn(await, "a"), duet_spawn(await, "b")};
	duet_sleep(DUET_MS(5));
	CHECK(!duet_promise_is_resolved(promise));
	CHECK_OK(duet_promise_resolve(promise, 7, "seven"));
	CHECK_ERR(duet_promise_resolve(promise, 8, NULL), -EALREADY);
	CHECK(duet_promise_is_resolved(promise));
	CHECK_OK(duet_gather(tasks, 2, NULL));
	CHECK_EQ(await("c"), 7);
	CHECK_STR(notes(), "a 7 seven 5, b 7 seven 5, c 7 seven 5");
	duet_promise_free(promise);
	return 0;
}

/* All who wait get the result, and those who come later too. */
TEST(promise_resolved_wakes_all_who_wait)
{
	CHECK_OK(run_virtual(resolve_for_two, NULL));
}

static int resolve_and_free(void *arg)
{
	(void)arg;
	promise = duet_promise_new(NULL);
	duet_task *a = duet_spawn(await, "a");
	duet_yield();
	duet_cancel(a);
	CHECK_OK(duet_promise_resolve(promise, -EIO, "why"));
	duet_promise_free(promise);
	CHECK_ERR(duet_await(a), -EIO);
	promise = duet_promise_new(NULL);
	a = duet_spawn(await, "b");
	duet_yield();
	duet_promise_free(promise);
	CHECK_ERR(duet_await(a), DUET_ECLOSED);
	return 0;
}

/* The answer reaches a task that waited even if the promise is freed before it runs. */
TEST(promise_freed_after_it_was_resolved_still_answers)
{
	CHECK_OK(run_virtual(resolve_and_free, NULL));
}

static void *answer_42(void *resolver)
{
	CHECK_OK(duet_resolver_resolve(resolver, 42, NULL));
	return NULL;
}

static int ask_a_thread(void *arg)
{
	pthread_t thread;

	(void)arg;
	promise = duet_promise_new(NULL);
	for (int i = 0; i < 100; i++) {
		duet_resolver *r = duet_promise_resolver(promise);
		CHECK_EQ(pthread_create(&thread, NULL, answer_42, r), 0);
		CHECK_EQ(duet_promise_await(promise, NULL), 42);
		pthread_join(thread, NULL);
		duet_promise_free(promise);
		promise = duet_promise_new(NULL);
	}
	duet_promise_free(promise);
	return 0;
}

/* A thread answers through a resolver; meanwhile waiting is no deadlock, on either clock. */
TEST(promise_resolved_by_a_thread_wakes)
{
	CHECK_OK(duet_run(ask_a_thread, NULL));
	CHECK_OK(run_virtual(ask_a_thread, NULL));
}

static int too_late(void *arg)
{
	void *value = NULL;

	(void)arg;
	promise = duet_promise_new(count_discarded);
	duet_resolver *first = duet_promise_resolver(promise);
	duet_resolver *second = duet_promise_resolver(promise);
	duet_resolver *third = duet_promise_resolver(promise);
	CHECK_OK(duet_resolver_resolve(first, 1, malloc(1)));
	CHECK_OK(duet_resolver_resolve(second, 2, malloc(1)));
	CHECK_EQ(duet_promise_await(promise, &value), 1);
	free(value);
	duet_sleep(DUET_MS(1));
	CHECK_EQ(discarded, 1);
	duet_promise_free(promise);
	CHECK_OK(duet_resolver_resolve(third, 3, malloc(1)));
	duet_sleep(DUET_MS(1));
	CHECK_EQ(discarded, 2);
	return 0;
}

static int never_awaited(void *arg)
{
	(void)arg;
	promise = duet_promise_new(count_discarded);
	CHECK_OK(duet_promise_resolve(promise, 0, malloc(1)));
	CHECK_EQ(duet_promise_await(promise, NULL), 0);
	duet_promise_free(promise);
	CHECK_EQ(discarded, 3);
	return 0;
}

static int take_out_resolver(void *arg)
{
	duet_resolver **to = arg;

	promise = duet_promise_new(count_discarded);
	to[0] = duet_promise_resolver(promise);
	to[1] = duet_promise_resolver(promise);
	return 0;
}

/* Values that nobody can have any more are discarded: second answers, answers to a promise that
 * was freed, that nobody asked for, or whose run is over. */
TEST(promise_answered_too_late_discards_the_value)
{
	duet_resolver *late[2];

	CHECK_OK(run_virtual(too_late, NULL));
	CHECK_OK(run_virtual(never_awaited, NULL));
	CHECK_OK(run_virtual(take_out_resolver, late));
	char *value = malloc(1);
	CHECK_ERR(duet_resolver_resolve(late[0], 0, value), DUET_ECLOSED);
	CHECK_EQ(discarded, 4);
	duet_promise_free(promise);
	duet_resolver_drop(late[1]);
	CHECK_EQ(discarded, 4);
}

static int drop(void *arg)
{
	(void)arg;
	promise = duet_promise_new(NULL);
	duet_resolver_drop(duet_promise_resolver(promise));
	CHECK_ERR(duet_promise_await(promise, NULL), DUET_ECLOSED);
	duet_promise_free(promise);
	return 0;
}

/* A resolver that is dropped is an answer too. */
TEST(promise_whose_resolver_is_dropped_says_eclosed)
{
	CHECK_OK(run_virtual(drop, NULL));
}

static int wait_for_nobody(void *arg)
{
	(void)arg;
	promise = duet_promise_new(NULL);
	int r = duet_promise_await(promise, NULL);
	duet_promise_free(promise);
	return r;
}

/* A promise that no thread can resolve and no task will is a deadlock. */
TEST(promise_without_a_resolver_is_a_deadlock)
{
	CHECK_ERR(run_virtual(wait_for_nobody, NULL), DUET_EDEADLK);
	CHECK_HAS(duet_errmsg(), "promise");
}

/* Missing objects and calls outside a run are refused. */
TEST(promise_refuses_what_is_none)
{
	promise = duet_promise_new(NULL);
	CHECK_ERR(duet_promise_await(promise, NULL), DUET_ENOTASK);
	CHECK(duet_promise_resolver(promise) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK_ERR(duet_promise_await(NULL, NULL), -EINVAL);
	CHECK_ERR(duet_promise_resolve(NULL, 0, NULL), -EINVAL);
	CHECK_ERR(duet_resolver_resolve(NULL, 0, NULL), -EINVAL);
	duet_resolver_drop(NULL);
	duet_promise_free(promise);
	duet_promise_free(NULL);
}
