/* How durations are spread: counts by size, eight steps to each doubling, so that a percentile is
 * told to within an eighth.  Counting costs a nanosecond, and no memory beyond the struct. */
#ifndef DUET_POOL_HISTOGRAM_H
#define DUET_POOL_HISTOGRAM_H

#include <duet/time.h>
#include <stddef.h>

enum { DUET__HISTOGRAM_STEPS = 8, DUET__HISTOGRAM_SIZE = 62 * DUET__HISTOGRAM_STEPS };

typedef struct duet__histogram {
	uint64_t counts[DUET__HISTOGRAM_SIZE];
	uint64_t n;
	duet_time most;
} duet__histogram;

/* Negative durations count as 0. */
void duet__histogram_add(duet__histogram *h, duet_time t);

/* out[i] = what percents[i] of a hundred durations are no longer than, or hardly; 0 while there is
 * none.  percents ascend. */
void duet__histogram_percentiles(const duet__histogram *h, const int percents[], duet_time out[],
				 size_t n);

#endif
