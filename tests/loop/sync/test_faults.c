#include "tests/loop/sync/worlds.h"

#include "tests/lib/fault.h"
#include "tests/lib/run.h"
#include "tests/lib/test.h"

static int run_world(void *arg)
{
	const struct world *world = arg;
	int r = run_virtual(world->run, NULL);

	CHECK(r == 0 || r == DUET_ENOMEM || r == -EMFILE);
	return r;
}

static void sweep(enum fault_span span)
{
	trouble.shortage = true;
	for (size_t i = 0; i < worlds_count; i++)
		CHECK_GE(fault_sweep(FAULT_ALLOC | FAULT_MAP, span, run_world, (void *)&worlds[i]),
			 5);
	trouble.shortage = false;
	for (size_t i = 0; i < worlds_count; i++)
		CHECK_OK(run_virtual(worlds[i].run, NULL));
}

/* Whichever allocation fails: it is reported, and nothing is lost, hangs or is left. */
TEST(allocation_failing_once_in_a_world_is_reported)
{
	sweep(FAULT_ONCE);
}

/* The same when memory stays short. */
TEST(allocations_failing_from_then_on_in_a_world_are_reported)
{
	sweep(FAULT_FROM_THEN_ON);
}
