/* Parking and waking, as primitives use them. */
#include <duet/duet.h>

#include "loop/core/park.h"
#include "loop/core/task_impl.h"
#include "tests/lib/run.h"
#include "tests/lib/test.h"

static int wakes_itself_late(void *arg)
{
	DUET__WAITER(w, "nothing");

	(void)arg;
	CHECK_EQ(duet__park(&w), DUET_ECANCELED);
	CHECK(!w.done);
	duet__wake(&w, 7);
	CHECK(w.done);
	CHECK_EQ(w.result, 7);
	CHECK(!duet__current->ready);
	return 0;
}

static int cancel_and_go_on(void *arg)
{
	duet_task *t = duet_spawn(wakes_itself_late, NULL);

	(void)arg;
	CHECK_OK(duet_yield());
	CHECK_OK(duet_cancel_await(t));
	for (int i = 0; i < 3; i++)
		CHECK_OK(duet_yield());
	return 0;
}

/* A wait that was cancelled may still be woken by whoever looks closer: the task, which runs by then,
 * finds the result, and is not made ready once more. */
TEST(park_woken_after_cancel_is_done_and_not_ready)
{
	CHECK_OK(run_virtual(cancel_and_go_on, NULL));
	CHECK_OK(run_seeded(7, cancel_and_go_on, NULL));
}
