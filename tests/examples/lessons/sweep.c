/* Every lesson, cancelled at every point of its way: it must end at once and leave nothing.
 *
 * The lessons are compiled with main, duet_run and duet_run_with renamed (see CMakeLists.txt), so
 * that each runs here as a task, on the virtual clock.  It is cancelled in the k-th step of its
 * duration, j turns of the loop later.  The test runner counts descriptors and children
 * afterwards, and the address sanitizer counts memory. */
#include "tests/lib/test.h"

#include <duet/duet.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { STEPS = 60, TURNS = 3 };

static struct {
	duet_time cancel_at; /* DUET_FOREVER: let it run */
	int turns;
	duet_time duration; /* of the whole run       */
	duet_time joined;   /* from cancel to the end */
	duet_fn *fn;
	void *arg;
} sweep;

static int cancel_in_time(void *arg)
{
	(void)arg;
	duet_time start = duet_now();
	duet_task *t = duet_spawn(sweep.fn, sweep.arg);

	if (sweep.cancel_at == DUET_FOREVER) {
		int r = duet_await(t);
		sweep.duration = duet_now() - start;
		return r;
	}
	duet_sleep(sweep.cancel_at);
	for (int i = 0; i < sweep.turns; i++)
		duet_yield();
	duet_time cancelled = duet_now();
	duet_cancel_await(t);
	sweep.joined = duet_now() - cancelled;
	return 0;
}

int sweep_run_with(const duet_run_options *o, duet_fn *fn, void *arg);
int sweep_run(duet_fn *fn, void *arg);

int sweep_run_with(const duet_run_options *o, duet_fn *fn, void *arg)
{
	duet_run_options options = o != NULL ? *o : (duet_run_options){0};

	options.clock = DUET_CLOCK_VIRTUAL;
	sweep.fn = fn;
	sweep.arg = arg;
	return duet_run_with(&options, cancel_in_time, NULL);
}

int sweep_run(duet_fn *fn, void *arg)
{
	return sweep_run_with(NULL, fn, arg);
}

static void be_silent(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	fflush(stdout);
	CHECK(dup2(null, STDOUT_FILENO) >= 0);
	close(null);
}

static void sweep_lesson(int (*lesson_main)(void))
{
	be_silent();
	sweep.cancel_at = DUET_FOREVER;
	CHECK_EQ(lesson_main(), 0);
	duet_time duration = sweep.duration;
	for (int step = 0; step <= STEPS; step++) {
		for (sweep.turns = 0; sweep.turns < TURNS; sweep.turns++) {
			sweep.cancel_at = duration * step / STEPS;
			test_note("cancelled after %.3f s and %d turns",
				  (double)sweep.cancel_at / 1e9, sweep.turns);
			lesson_main();
			CHECK_LE(sweep.joined, DUET_MS(300)); /* lesson 27 says goodbye thrice */
		}
	}
}

#define LESSON(name)                                                                               \
	int main_##name(void);                                                                     \
	TEST_WITHIN(lesson_##name##_cancelled_anywhere_leaves_nothing, 60)                         \
	{                                                                                          \
		sweep_lesson(main_##name);                                                         \
	}
#include "lessons.inc"
