/* What the lessons share: a clock to run on, and a way to print it.
 *
 * DUET_LESSON_CLOCK=virtual in the environment runs a lesson without waiting: time jumps whenever
 * every task only waits for time.  What it prints is the same. */
#ifndef EXAMPLES_LESSON_H
#define EXAMPLES_LESSON_H

#include <duet/duet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline duet_clock lesson_clock(void)
{
	const char *clock = getenv("DUET_LESSON_CLOCK");

	return clock != NULL && strcmp(clock, "virtual") == 0 ? DUET_CLOCK_VIRTUAL
							      : DUET_CLOCK_REAL;
}

/* What main should return for the result of a run. */
static inline int lesson_status(int r)
{
	if (r < 0)
		fprintf(stderr, "%s: %s\n", duet_err_name(r), duet_errmsg());
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Runs fn(NULL). */
static inline int lesson_run(duet_fn *fn)
{
	return lesson_status(duet_run_with(&(duet_run_options){.clock = lesson_clock()}, fn, NULL));
}

/* Runs fn(pool), with a pool of so many workers, on the real clock: workers have no other. */
static inline int lesson_run_pool(duet_fn *fn, int workers)
{
	duet_pool *pool = duet_pool_open(&(duet_pool_options){.workers = workers});
	int r = pool != NULL ? duet_run(fn, pool) : -errno;
	int status = lesson_status(r);

	duet_pool_close(pool);
	return status;
}

static inline double seconds_since(duet_time start)
{
	return (double)(duet_now() - start) / 1e9;
}

#endif
