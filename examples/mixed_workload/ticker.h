/* How late the loop is: a task that wants to wake every millisecond, and notes how much later it
 * did. */
#ifndef MIXED_WORKLOAD_TICKER_H
#define MIXED_WORKLOAD_TICKER_H

#include <duet/duet.h>

struct ticker {
	float *late_ms;
	size_t n, size;
};

struct lag {
	double p50_ms, p99_ms, max_ms;
};

/* A task; arg is the struct ticker.  Ticks until it is cancelled. */
int ticker_run(void *arg);

/* Sorts what was noted. */
struct lag ticker_lag(struct ticker *t);

void ticker_free(struct ticker *t);

#endif
