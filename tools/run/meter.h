/* Pure: what a run counts, in memory that does not grow with it. */
#ifndef TOOLS_RUN_METER_H
#define TOOLS_RUN_METER_H

#include "tools/run/codes.h"

#include <duet/time.h>

/* Times in buckets of about 6 %, from 1 us to days. */
enum { SPREAD_BUCKETS = 640 };

struct spread {
	uint64_t n, buckets[SPREAD_BUCKETS];
	duet_time most;
};

void spread_add(struct spread *s, duet_time t);
duet_time spread_percentile(const struct spread *s, double percent); /* 0 if there is nothing */

struct meter {
	uint64_t rows; /* that ended in this run                                       */
	uint64_t by_code[ROW_CODES];
	uint64_t restored; /* that an earlier run had done                                 */
	uint64_t total;    /* that the input has; 0 = not known                            */
	uint64_t attempts;
	double tokens_in, tokens_out;
	double price_in, price_out; /* for a million tokens */
	struct spread service, queue, post;
	duet_time started, ended;
	/* the rate of late: a moving average */
	double rate;
	duet_time rate_at;
	uint64_t rate_rows;
};

uint64_t meter_failed(const struct meter *m);
double meter_cost(const struct meter *m);

/* To be called a few times a second: keeps .rate, rows per second. */
void meter_tick(struct meter *m, duet_time now);
/* How long the rest will take; -1 = not known. */
duet_time meter_left(const struct meter *m);

#endif
