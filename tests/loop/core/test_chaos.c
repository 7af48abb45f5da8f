/* Random trees of tasks, joined in every way there is, under random limits and cancellations: no task
 * may outlive the call that joins it, nor what its spawner lent it, and every run must end. */
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include <duet/duet.h>

enum { DEPTH = 4, MOST = 3, RUNS = 1000, ALIVE = 0x11fe };

static uint64_t state;
static int alive;

/* Of a task, on its stack: its children look whether it is still there. */
struct frame {
	int mark;
};

struct birth {
	int depth;
	const struct frame *spawner;
};

static int any(int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (int)(state % (uint64_t)n);
}

static void act(int depth, const struct frame *self);

static int live(void *arg)
{
	struct birth b = *(struct birth *)arg;
	struct frame self = {ALIVE};

	alive++;
	for (int i = any(2); i >= 0; i--) {
		CHECK_EQ(b.spawner->mark, ALIVE);
		act(b.depth, &self);
	}
	CHECK_EQ(b.spawner->mark, ALIVE);
	alive--;
	self.mark = 0;
	return any(6) == 0 ? -EPROTO : any(3);
}

/* Not allocated: memory may be short.  A child reads it as it begins. */
static struct birth *birth_new(int depth, const struct frame *spawner)
{
	static struct birth births[1 << 16];
	static unsigned born;
	struct birth *b = &births[born++ % (1 << 16)];

	*b = (struct birth){depth, spawner};
	return b;
}

static duet_task *child_of(const struct frame *self, int depth)
{
	duet_task_options o = {.eager = any(3) == 0};

	return duet_spawn_with(&o, live, birth_new(depth - 1, self));
}

static int children_of(const struct frame *self, int depth, duet_task *t[])
{
	int n = 1 + any(MOST);

	for (int i = 0; i < n; i++)
		t[i] = child_of(self, depth);
	return n;
}

static void collect(int depth, const struct frame *self)
{
	duet_task *t[MOST];
	int results[MOST], n = children_of(self, depth, t);
	size_t winner;

	switch (any(4)) {
	case 0:
		duet_gather(t, (size_t)n, results);
		break;
	case 1:
		duet_settle(t, (size_t)n, NULL);
		break;
	case 2:
		duet_race(t, (size_t)n, &winner);
		break;
	default:
		duet_wait(t, (size_t)n, (size_t)any(n + 1), any(30));
		for (int i = 0; i < n; i++) {
			if (any(2) == 0)
				duet_cancel(t[i]);
			duet_await(t[i]);
		}
	}
}

static void take_as_they_end(int depth, const struct frame *self)
{
	duet_task *t[MOST], *next;
	int n = children_of(self, depth, t);
	duet_completed *list = duet_completed_open(t, (size_t)n);
	int r;

	while ((r = duet_completed_next(list, &next)) == 1) {
		for (int i = 0; i < n; i++)
			if (t[i] == next)
				t[i] = NULL;
		duet_await(next);
	}
	duet_completed_close(list);
	for (int i = 0; i < n; i++)
		if (t[i] != NULL) {
			duet_cancel(t[i]);
			duet_await(t[i]);
		}
}

static void group(int depth, const struct frame *self)
{
	duet_group *g = duet_group_open();

	for (int i = any(MOST); i >= 0; i--) {
		duet_group_spawn(g, live, birth_new(depth - 1, self));
		if (any(3) == 0)
			duet_yield();
	}
	if (any(5) == 0)
		duet_group_cancel(g);
	duet_group_close(g);
}

static int live_nth(void *ctx, size_t i)
{
	const struct frame *spawner = ctx;
	struct frame self = {ALIVE};

	(void)i;
	CHECK_EQ(spawner->mark, ALIVE);
	act(any(2), &self);
	CHECK_EQ(spawner->mark, ALIVE);
	self.mark = 0;
	return any(20) == 0 ? -EPROTO : 0;
}

static void limit(int depth, const struct frame *self)
{
	duet_scope s;
	int r = any(3) == 0 ? duet_scope_shield(&s, any(40)) : duet_scope_enter(&s, any(40));

	act(depth - 1, self);
	if (r < 0)
		return;
	if (any(4) == 0)
		duet_scope_reschedule(&s, any(20));
	act(depth - 1, self);
	r = duet_scope_exit(&s);
	CHECK(r == 0 || r == DUET_ETIMEDOUT);
}

static void act(int depth, const struct frame *self)
{
	if (depth <= 0) {
		duet_sleep(any(50) - 5);
		return;
	}
	switch (any(8)) {
	case 0:
	case 1:
	case 2:
		collect(depth, self);
		break;
	case 3:
		take_as_they_end(depth, self);
		break;
	case 4:
		group(depth, self);
		break;
	case 5:
		duet_map((size_t)any(10), (size_t)any(4), live_nth, (void *)self, NULL);
		break;
	default:
		limit(depth, self);
	}
}

static int chaos(void *arg)
{
	struct frame self = {ALIVE};

	(void)arg;
	for (int i = 0; i < 4; i++)
		act(DEPTH, &self);
	self.mark = 0;
	return 5;
}

static void run_with(uint64_t seed)
{
	duet_run_options o = {.clock = DUET_CLOCK_VIRTUAL, .seed = seed % 2 == 0 ? seed : 0};
	int r;

	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	test_note("seed %ju", (uintmax_t)seed);
	r = duet_run_with(&o, chaos, NULL);
	fault_disarm();
	CHECK(r == 5 || r == DUET_ENOMEM);
	CHECK_EQ(alive, 0);
}

/* However tasks are joined, limited and cancelled, none outlives its spawner. */
TEST(chaos_of_tasks_leaves_nothing)
{
	uint64_t seed = test_seed() >> 1;

	for (uint64_t i = 0; i < RUNS; i++)
		run_with(seed + i);
}

/* The same while memory comes and goes. */
TEST(chaos_of_tasks_survives_shortages)
{
	uint64_t seed = test_seed() >> 1;

	for (uint64_t i = 0; i < RUNS; i++) {
		fault_arm(FAULT_ALLOC | FAULT_MAP, 1 + (long)(i % 60),
			  i % 3 == 0 ? FAULT_FROM_THEN_ON : FAULT_ONCE);
		run_with(seed + i);
	}
}
