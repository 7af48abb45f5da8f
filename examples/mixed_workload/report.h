/* What the user sees: progress while it runs, then a summary or a line of JSON. */
#ifndef MIXED_WORKLOAD_REPORT_H
#define MIXED_WORKLOAD_REPORT_H

#include "memory.h"
#include "rows.h"
#include "ticker.h"

#include <duet/duet.h>

struct report {
	const struct rows *rows;
	duet_time started, wall;
	struct lag lag;
	struct memory memory;
	duet_pool_stats_t pool;
	int interrupted; /* by this signal; 0: not */
};

/* A task; arg is the struct report.  Keeps a bar on stderr up to date until it is cancelled, then
 * removes it. */
DUET_SUSPENDS int report_progress(void *arg);

void report_summary(const struct report *r);
void report_json(const struct report *r);

#endif
