/* Runs fn on the virtual clock, in which every sleep is exact and takes no time. */
#ifndef TEST_VIRTUAL_H
#define TEST_VIRTUAL_H

#include <duet/run.h>

static inline int run_virtual(duet_fn *fn, void *arg)
{
	return duet_run_with(&(duet_run_options){.clock = DUET_CLOCK_VIRTUAL}, fn, arg);
}

#endif
