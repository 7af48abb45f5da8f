/* The end of a run in words (standard error), as JSON (--stats) and for Prometheus (--metrics). */
#ifndef TOOLS_RUN_SUMMARY_H
#define TOOLS_RUN_SUMMARY_H

#include "tools/run/meter.h"

#include <duet/llm.h>
#include <duet/pool.h>
#include <stdio.h>

struct summary {
	const struct meter *meter;
	duet_llm_stats_t llm;
	duet_pool_stats_t pool;
	bool has_pool;
	int workers;
	int status;        /* the exit status   */
	const char *words; /* why it stopped, or "" */
};

void summary_print(const struct summary *s, FILE *to);
/* -> 0, -errno */
int summary_write_json(const struct summary *s, const char *path);
int summary_write_metrics(const struct summary *s, const char *path);

#endif
