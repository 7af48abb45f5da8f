/* The mixed workload itself: every row is asked of the server, post-processed by a worker, and
 * kept in its place. */
#ifndef MIXED_WORKLOAD_WORKLOAD_H
#define MIXED_WORKLOAD_WORKLOAD_H

#include "kernel.h"
#include "rows.h"

#include <duet/duet.h>

struct workload {
	/* set by the caller */
	duet_llm *llm;
	duet_pool *pool;
	struct rows *rows;
	enum dk_mode mode;
	size_t concurrency;

	/* how it went */
	bool answered;         /* the server has answered anything at all  */
	char unreachable[256]; /* else why it has not, once that is sure */
};

/* Makes the kernel known to pools as their jobs.  Before the pool opens.  -> 0, or as
 * duet_job_register */
int workload_register(void);

/* For the pool's .on_worker_start: builds the kernel's table, which only workers need. */
int workload_start_worker(void *arg);

/* Does all rows; arg is the struct workload.  Cancelled, it drops the requests in flight, but
 * finishes the rows that have their reply.
 * -> 0 (rows may have failed, each has its reason), DUET_ECANCELED, -ENOMEM, or the error of the
 * first request if the server cannot be reached at all */
DUET_SUSPENDS int workload_run(void *arg);

#endif
