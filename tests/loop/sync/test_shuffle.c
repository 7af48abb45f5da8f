#include "tests/loop/sync/worlds.h"

#include "tests/lib/run.h"
#include "tests/lib/test.h"

/* Every world holds under a thousand schedules. */
TEST_WITHIN(worlds_hold_under_1000_seeds, 60)
{
	for (uint64_t seed = 1; seed <= 1000; seed++)
		for (size_t i = 0; i < worlds_count; i++)
			CHECK_OK(run_seeded(seed, worlds[i].run, NULL));
}

static int cancel_after(void *arg)
{
	for (int i = *(int *)arg; i > 0; i--)
		if (i % 4 == 0)
			CHECK_OK(duet_sleep(DUET_US(500)));
		else
			CHECK_OK(duet_yield());
	world_cancel_victim();
	return 0;
}

struct chance {
	const struct world *world;
	int steps;
};

static int run_with_canceller(void *arg)
{
	struct chance *c = arg;
	duet_task *canceller = duet_spawn(cancel_after, &c->steps);

	CHECK_OK(c->world->run(NULL));
	trouble.task = NULL;
	return duet_await(canceller);
}

/* The same when a task is cancelled somewhere, at a moment that the seed chooses. */
TEST_WITHIN(worlds_hold_under_1000_seeds_with_a_victim, 60)
{
	for (uint64_t seed = 1; seed <= 1000; seed++)
		for (size_t i = 0; i < worlds_count; i++) {
			struct chance c = {&worlds[i], (int)(seed * 7 % 41)};
			trouble.victim = (int)(seed % (uint64_t)worlds[i].actors);
			CHECK_OK(run_seeded(seed, run_with_canceller, &c));
		}
}
