/* Pure: how many requests, or tokens, a server lets through. */
#ifndef TOOLS_MOCK_BUCKET_H
#define TOOLS_MOCK_BUCKET_H

#include <duet/time.h>

struct bucket {
	double per_minute; /* 0 = no limit */
	double burst;      /* what it holds: one second's worth, at least 1 */
	double level;
	duet_time at; /* of level */
};

void bucket_init(struct bucket *b, double per_minute, duet_time now);
/* More than it holds passes when it is full.  -> 0 (taken), or how long until it would pass */
duet_time bucket_take(struct bucket *b, double n, duet_time now);
double bucket_level(const struct bucket *b, duet_time now);

#endif
