/* ctest-wrap: clock_gettime */
#include "tests/loop/sync/worlds.h"

#include <time.h>

#include "loop/core/loop.h"
#include "tests/lib/run.h"
#include "tests/lib/test.h"

/* When the victim suspends for the chosen time, it will be cancelled: by a task that is ready
 * behind all others, or once nothing is ready any more. */
static struct {
	int at; /* which suspension; 0 = never */
	int seen;
	bool at_once;
} chosen;

static int cancel_now(void *arg)
{
	(void)arg;
	world_cancel_victim();
	return 0;
}

static void cancel_at_turn_end(duet__hook *hook)
{
	(void)hook;
	world_cancel_victim();
}

static duet__hook hook;

static void count_suspension(void)
{
	if (trouble.task == NULL || duet_self() != trouble.task || ++chosen.seen != chosen.at)
		return;
	if (chosen.at_once)
		duet_detach(duet_spawn(cancel_now, NULL));
	else
		duet__hook_arm(duet__loop(), &hook);
}

/* Whoever lets go of the loop reads this clock, and nobody else does. */
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	if (clock == CLOCK_MONOTONIC_COARSE)
		count_suspension();
	return __real_clock_gettime(clock, time);
}

/* -> whether the victim was cancelled */
static bool run_with_victim(const struct world *world, int victim, int at, bool at_once,
			    uint64_t seed)
{
	trouble.victim = victim;
	chosen.at = at;
	chosen.seen = 0;
	chosen.at_once = at_once;
	duet__hook_init(&hook, cancel_at_turn_end);
	CHECK_OK(run_seeded(seed, world->run, NULL));
	duet__hook_disarm(&hook);
	return chosen.seen >= at;
}

static int cancel_everywhere(const struct world *world, uint64_t seed)
{
	int cancelled = 0;

	for (int victim = 0; victim < world->actors; victim++)
		for (int at_once = 0; at_once <= 1; at_once++)
			for (int k = 1; run_with_victim(world, victim, k, at_once, seed); k++)
				cancelled++;
	return cancelled;
}

/* Whatever is cancelled at whichever suspension: it ends at once, and no permit, item or lock is
 * lost. */
TEST_WITHIN(cancelled_at_every_suspension_loses_nothing, 60)
{
	for (size_t i = 0; i < worlds_count; i++) {
		int n = cancel_everywhere(&worlds[i], 0);
		CHECK_GE(n, 2 * worlds[i].actors);
	}
}

/* The same under schedules that are shuffled. */
TEST_WITHIN(cancelled_at_every_suspension_of_shuffled_schedules_loses_nothing, 60)
{
	int seeds = test_is_slow() ? 5 : 25;

	for (int seed = 1; seed <= seeds; seed++)
		for (size_t i = 0; i < worlds_count; i++)
			cancel_everywhere(&worlds[i], test_seed() + (uint64_t)seed);
}
