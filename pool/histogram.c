#include "pool/histogram.h"

enum { STEPS = DUET__HISTOGRAM_STEPS, STEP_BITS = 3 };
_Static_assert(STEPS == 1 << STEP_BITS, "steps to a doubling are a power of two");

/* The first bits of t say which one: its highest, and the STEP_BITS behind it. */
static size_t bucket_of(uint64_t t)
{
	if (t < STEPS)
		return (size_t)t;
	int shift = 63 - __builtin_clzll(t) - STEP_BITS;
	return (size_t)shift * STEPS + (size_t)(t >> shift);
}

/* The longest that counts there. */
static duet_time end_of(size_t bucket)
{
	if (bucket < 2 * STEPS)
		return (duet_time)bucket;
	size_t shift = bucket / STEPS - 1;
	uint64_t first = (uint64_t)(bucket % STEPS + STEPS) << shift;
	return (duet_time)(first + (UINT64_C(1) << shift) - 1);
}

void duet__histogram_add(duet__histogram *h, duet_time t)
{
	if (t < 0)
		t = 0;
	h->counts[bucket_of((uint64_t)t)]++;
	h->n++;
	if (t > h->most)
		h->most = t;
}

void duet__histogram_percentiles(const duet__histogram *h, const int percents[], duet_time out[],
				 size_t n)
{
	uint64_t seen = 0;
	size_t bucket = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t rank = (uint64_t)((double)h->n * percents[i] / 100 + 0.999999);
		while (seen < rank && bucket < DUET__HISTOGRAM_SIZE)
			seen += h->counts[bucket++];
		out[i] = bucket > 0 ? end_of(bucket - 1) : 0;
		if (out[i] > h->most)
			out[i] = h->most;
	}
}
