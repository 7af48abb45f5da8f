#ifndef MIXED_WORKLOAD_MEMORY_H
#define MIXED_WORKLOAD_MEMORY_H

#include <sys/types.h>

struct memory {
	long peak_kib; /* the sum of each one's own peak */
	int processes;
};

/* This process and all its descendants, but not `except` and below. */
struct memory memory_of_tree(pid_t except);

#endif
