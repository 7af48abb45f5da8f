#include "tests/loop/sync/worlds.h"

#include <stdint.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"
#include "tests/loop/sync/stage.h"

struct trouble trouble = {.victim = -1, .cancelled_at = -1};

void world_cancel_victim(void)
{
	if (trouble.task == NULL)
		return;
	trouble.cancelled_at = ns();
	duet_cancel(trouble.task);
}

struct actor {
	int number;
	duet_fn *fn;
};

static bool is_hit(int number)
{
	return number == trouble.victim && trouble.cancelled_at >= 0;
}

static void check_result(int number, int r)
{
	CHECK(r >= 0 || r == DUET_ECLOSED || (r == DUET_ECANCELED && is_hit(number)) ||
	      (r == DUET_ENOMEM && trouble.shortage));
}

static int act(void *arg)
{
	struct actor *a = arg;
	int r = a->fn(&a->number);

	check_result(a->number, r);
	if (a->number != trouble.victim)
		return 0;
	if (trouble.cancelled_at >= 0)
		CHECK_EQ(ns(), trouble.cancelled_at);
	trouble.task = NULL;
	return 0;
}

void perform(duet_fn *const cast[], int n, void (*meanwhile)(void))
{
	struct actor actors[8];
	duet_task *tasks[8];

	trouble.task = NULL;
	trouble.cancelled_at = -1;
	for (int i = 0; i < n; i++) {
		actors[i] = (struct actor){i, cast[i]};
		tasks[i] = duet_spawn(act, &actors[i]);
		if (i == trouble.victim)
			trouble.task = tasks[i];
		/* Whoever counts on an actor must know that it never came. */
		if (tasks[i] == NULL)
			cast[i](NULL);
	}
	if (meanwhile != NULL)
		meanwhile();
	int failed = duet_settle(tasks, (size_t)n, NULL);
	CHECK(failed == 0 || trouble.shortage);
}

/* Semaphore and mutex: never more inside than may be, and all have left in the end. */

static duet_sem *sem;
static duet_mutex *mutex;
static int inside;

static int linger(int most)
{
	CHECK_LE(++inside, most);
	int r = duet_sleep(DUET_MS(1));
	inside--;
	return r;
}

static int sem_actor(void *arg)
{
	int r = 0;

	for (int i = 0; arg != NULL && i < 3 && r == 0; i++) {
		if ((r = duet_sem_acquire(sem)) < 0)
			return r;
		r = linger(2);
		CHECK_OK(duet_sem_release(sem));
	}
	return r;
}

static int sem_world(void *arg)
{
	duet_fn *cast[] = {sem_actor, sem_actor, sem_actor, sem_actor};
	duet_sem_stats_t stats;

	(void)arg;
	sem = duet_sem_new(2);
	OR_SHORT(sem);
	perform(cast, 4, NULL);
	duet_sem_stats(sem, &stats);
	CHECK_EQ(stats.taken, 0);
	CHECK_EQ(stats.waiting, 0);
	duet_sem_free(sem);
	return 0;
}

static int mutex_actor(void *arg)
{
	int r = 0;

	for (int i = 0; arg != NULL && i < 3 && r == 0; i++) {
		if ((r = duet_mutex_lock(mutex)) < 0)
			return r;
		r = linger(1);
		CHECK_OK(duet_mutex_unlock(mutex));
	}
	return r;
}

static int mutex_world(void *arg)
{
	duet_fn *cast[] = {mutex_actor, mutex_actor, mutex_actor};

	(void)arg;
	mutex = duet_mutex_new();
	OR_SHORT(mutex);
	perform(cast, 3, NULL);
	CHECK(duet_mutex_owner(mutex) == NULL);
	duet_mutex_free(mutex);
	return 0;
}

/* Condition: a shop with room for two; what was brought was bought. */

static duet_cond *not_full, *not_empty;
static int stock, brought, bought, producers, consumers;

static void leave_shop(int *side)
{
	if (--*side > 0)
		return;
	duet_cond_broadcast(not_full);
	duet_cond_broadcast(not_empty);
}

static int bring(void)
{
	int r = duet_mutex_lock(mutex);

	if (r < 0)
		return r;
	while (r == 0 && stock == 2 && consumers > 0) {
		r = duet_cond_wait(not_full, mutex);
		CHECK(duet_mutex_owner(mutex) == duet_self());
	}
	if (r == 0 && consumers > 0) {
		stock++;
		brought++;
		duet_cond_signal(not_empty);
	}
	CHECK_OK(duet_mutex_unlock(mutex));
	return r;
}

static int producer(void *arg)
{
	int r = 0;

	for (int i = 0; arg != NULL && i < 4 && r == 0; i++)
		if ((r = bring()) == 0)
			r = duet_yield();
	leave_shop(&producers);
	return r;
}

/* -> 1: bought; 0: there will be no more */
static int buy(void)
{
	int r = duet_mutex_lock(mutex), got = 0;

	if (r < 0)
		return r;
	while (r == 0 && stock == 0 && producers > 0) {
		r = duet_cond_wait(not_empty, mutex);
		CHECK(duet_mutex_owner(mutex) == duet_self());
	}
	if (r == 0 && stock > 0) {
		stock--;
		bought++;
		got = 1;
		duet_cond_signal(not_full);
	}
	CHECK_OK(duet_mutex_unlock(mutex));
	return r < 0 ? r : got;
}

static int consumer(void *arg)
{
	int r = arg != NULL;

	while (r == 1)
		if ((r = buy()) == 1 && duet_sleep(DUET_MS(1)) < 0)
			r = duet_cancelled() ? DUET_ECANCELED : DUET_ENOMEM;
	leave_shop(&consumers);
	return r;
}

static int cond_world(void *arg)
{
	duet_fn *cast[] = {producer, consumer, producer, consumer};

	(void)arg;
	mutex = duet_mutex_new();
	not_full = duet_cond_new();
	not_empty = duet_cond_new();
	if (mutex != NULL && not_full != NULL && not_empty != NULL) {
		stock = brought = bought = 0;
		producers = consumers = 2;
		perform(cast, 4, NULL);
		CHECK_EQ(brought, bought + stock);
		CHECK(stock == 0 || trouble.shortage);
		CHECK(duet_mutex_owner(mutex) == NULL);
	} else {
		CHECK(trouble.shortage);
	}
	duet_cond_free(not_empty);
	duet_cond_free(not_full);
	duet_mutex_free(mutex);
	return 0;
}

/* Event: two waits behind each other, and one who sets whatever happens to it. */

static duet_event *first_event, *second_event;

static int event_waiter(void *arg)
{
	if (arg == NULL)
		return 0;
	int r = duet_event_wait(first_event);
	return r < 0 ? r : duet_event_wait(second_event);
}

static int event_setter(void *arg)
{
	int r = arg != NULL ? duet_sleep(DUET_MS(1)) : 0;

	duet_event_set(first_event);
	if (r == 0 && arg != NULL)
		r = duet_sleep(DUET_MS(1));
	duet_event_set(second_event);
	return r;
}

static int event_world(void *arg)
{
	duet_fn *cast[] = {event_waiter, event_setter, event_waiter};

	(void)arg;
	first_event = duet_event_new();
	second_event = duet_event_new();
	if (first_event != NULL && second_event != NULL)
		perform(cast, 3, NULL);
	else
		CHECK(trouble.shortage);
	duet_event_free(first_event);
	duet_event_free(second_event);
	return 0;
}

/* Barrier: every opening gives each place once, whoever has left. */

static duet_barrier *barrier;
static int places[3];

static int barrier_actor(void *arg)
{
	for (int i = 0; arg != NULL && i < 3; i++) {
		int r = duet_sleep(DUET_MS(1 + number_of(arg) % 2));
		if (r == 0)
			r = duet_barrier_wait(barrier);
		if (r < 0)
			return r;
		places[r]++;
	}
	return 0;
}

static void end_barrier(void)
{
	duet_sleep(DUET_MS(50));
	duet_barrier_abort(barrier);
}

static int barrier_world(void *arg)
{
	duet_fn *cast[] = {barrier_actor, barrier_actor, barrier_actor, barrier_actor};

	(void)arg;
	barrier = duet_barrier_new(3);
	OR_SHORT(barrier);
	memset(places, 0, sizeof places);
	perform(cast, 4, end_barrier);
	CHECK_EQ(places[0], places[1]);
	CHECK_EQ(places[1], places[2]);
	CHECK(places[0] >= 2 || trouble.shortage);
	CHECK_EQ(duet_barrier_waiting(barrier), 0);
	duet_barrier_free(barrier);
	return 0;
}

/* Rate limit: 1 each ms and a burst of 2; a cancelled take costs nothing. */

static duet_ratelimit *limit;
static int takes;
static duet_time last_take;

static int ratelimit_actor(void *arg)
{
	int r = 0;

	for (int i = 0; arg != NULL && i < 4 && r == 0; i++)
		if ((r = duet_ratelimit_take(limit, 1)) == 0) {
			takes++;
			last_take = ns();
		}
	return r;
}

static int ratelimit_world(void *arg)
{
	duet_fn *cast[] = {ratelimit_actor, ratelimit_actor, ratelimit_actor};
	duet_time began = ns();

	(void)arg;
	limit = duet_ratelimit_new(1000, 2);
	OR_SHORT(limit);
	takes = 0;
	perform(cast, 3, NULL);
	CHECK(takes >= 8 || trouble.shortage);
	if (takes > 2)
		CHECK_EQ(last_take - began, DUET_MS(takes - 2));
	duet_ratelimit_free(limit);
	return 0;
}

/* Promise: resolved whatever happens to who resolves it. */

static duet_promise *promise;

static int promise_waiter(void *arg)
{
	int r = arg != NULL ? duet_promise_await(promise, NULL) : 0;

	CHECK(r < 0 || r == 7 || arg == NULL);
	return r;
}

static int promise_resolver(void *arg)
{
	int r = arg != NULL ? duet_sleep(DUET_MS(1)) : 0;

	CHECK_OK(duet_promise_resolve(promise, 7, NULL));
	return r;
}

static int promise_world(void *arg)
{
	duet_fn *cast[] = {promise_waiter, promise_resolver, promise_waiter};

	(void)arg;
	promise = duet_promise_new(NULL);
	OR_SHORT(promise);
	perform(cast, 3, NULL);
	duet_promise_free(promise);
	return 0;
}

/* Tasks as they end: each once, and all joined whatever happens. */

static int nap(void *arg)
{
	return duet_sleep(DUET_MS((intptr_t)arg));
}

static int completed_actor(void *arg)
{
	duet_task *tasks[3], *t;
	int given = 0, r = 0;

	if (arg == NULL)
		return 0;
	for (intptr_t i = 0; i < 3; i++)
		tasks[i] = duet_spawn(nap, (void *)(3 - i));
	duet_completed *c = duet_completed_open(tasks, 3);
	while (c != NULL && (r = duet_completed_next(c, &t)) == 1)
		given++;
	CHECK(r < 0 || given == 3 || c == NULL);
	duet_completed_close(c);
	int rest = duet_gather(tasks, 3, NULL);
	return r < 0 ? r : rest;
}

static int completed_world(void *arg)
{
	duet_fn *cast[] = {completed_actor, completed_actor};

	(void)arg;
	perform(cast, 2, NULL);
	return 0;
}

const struct world worlds[] = {
	{"semaphore", sem_world, 4},         {"mutex", mutex_world, 3},
	{"condition", cond_world, 4},        {"event", event_world, 3},
	{"barrier", barrier_world, 4},       {"rate limit", ratelimit_world, 3},
	{"queue", queue_world, 5},           {"lifo", lifo_world, 5},
	{"priority", priority_world, 5},     {"channel", channel_world, 4},
	{"rendezvous", rendezvous_world, 4}, {"promise", promise_world, 3},
	{"completed", completed_world, 2},
};
const size_t worlds_count = sizeof worlds / sizeof *worlds;
