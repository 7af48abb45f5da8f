#include "loop/core/timer_heap.h"
#include "tests/lib/test.h"
#include <stdlib.h>

enum { TIMERS = 500 };

static uint64_t state;

static uint32_t next_random(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

static void check_least(const duet__timer_heap *h, const duet__timer timers[])
{
	duet_time least = DUET_FOREVER;

	for (int i = 0; i < TIMERS; i++)
		if (timers[i].slot != 0 && timers[i].deadline < least)
			least = timers[i].deadline;
	CHECK_EQ(duet__timer_heap_next(h), least);
}

/* Against a plain scan: after any mix of pushes and removals the first is the least. */
TEST(timer_heap_agrees_with_a_scan)
{
	static duet__timer timers[TIMERS];
	duet__timer_heap h = {0};

	state = test_seed();
	for (int step = 0; step < 20000; step++) {
		duet__timer *t = &timers[next_random() % TIMERS];
		if (t->slot != 0) {
			duet__timer_heap_remove(&h, t);
			CHECK_EQ(t->slot, 0);
		} else {
			t->deadline = next_random() % 1000;
			t->order = (uint64_t)step;
			CHECK_EQ(duet__timer_heap_push(&h, t), 0);
		}
		check_least(&h, timers);
	}
	duet__timer_heap_fini(&h);
}

/* Equal deadlines leave in the order in which they came. */
TEST(timer_heap_is_stable)
{
	static duet__timer timers[TIMERS];
	duet__timer_heap h = {0};

	for (int i = 0; i < TIMERS; i++) {
		timers[i] = (duet__timer){.deadline = 7, .order = (uint64_t)i};
		CHECK_EQ(duet__timer_heap_push(&h, &timers[i]), 0);
	}
	for (int i = 0; i < TIMERS; i++) {
		CHECK(duet__timer_heap_first(&h) == &timers[i]);
		duet__timer_heap_remove(&h, &timers[i]);
	}
	duet__timer_heap_fini(&h);
}

/* Timers on a dead stack can be dropped by address. */
TEST(timer_heap_forgets_a_range)
{
	static duet__timer timers[TIMERS];
	duet__timer_heap h = {0};

	for (int i = 0; i < TIMERS; i++) {
		timers[i] = (duet__timer){.deadline = (i * 7919) % TIMERS, .order = (uint64_t)i};
		CHECK_EQ(duet__timer_heap_push(&h, &timers[i]), 0);
	}
	duet__timer_heap_forget(&h, &timers[100], &timers[400]);
	CHECK_EQ(h.count, TIMERS - 300);
	duet_time last = -1;
	while (h.count > 0) {
		duet__timer *t = duet__timer_heap_first(&h);
		CHECK(t < &timers[100] || t >= &timers[400]);
		CHECK(t->deadline >= last);
		last = t->deadline;
		duet__timer_heap_remove(&h, t);
	}
	duet__timer_heap_fini(&h);
}
