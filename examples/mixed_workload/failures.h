/* Why rows failed, and how often: equal reasons are kept once. */
#ifndef MIXED_WORKLOAD_FAILURES_H
#define MIXED_WORKLOAD_FAILURES_H

#include <stddef.h>

enum { FAILURE_KINDS = 16, FAILURE_TEXT = 200 };

struct failures {
	size_t kinds;
	struct failure {
		size_t count;
		char reason[FAILURE_TEXT];
	} kind[FAILURE_KINDS]; /* the last one takes what has no room of its own */
};

/* Counts one more.  -> the reason as it is kept, lent by f */
const char *failures_add(struct failures *f, const char *reason);

#endif
