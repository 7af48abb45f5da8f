/* A pipeline: stages of coroutines and pool jobs, joined by bounded queues.
 *
 *     static int read_row(void *ctx, void **item);                // source: 1 = an item, 0 = the end
 *     static int fetch(void *ctx, void *in, void **out);          // waits: many at once
 *     static int rank(void *ctx, void *in, void **out)            // computes: in a worker
 *     {
 *             struct row *row = in;
 *             *out = row;
 *             return duet_pool_call(ctx, "rank", row->page, &row->result);
 *     }
 *     static int write_row(void *ctx, void *item);                // sink: takes the item
 *
 *     duet_stage stages[] = {
 *             {.name = "read",  .source = read_row, .ctx = input},
 *             {.name = "fetch", .map = fetch, .ctx = http, .concurrency = 200},
 *             {.name = "rank",  .map = rank, .ctx = pool, .concurrency = 8, .ordered = true},
 *             {.name = "write", .sink = write_row, .ctx = output},
 *     };
 *     int r = duet_pipeline_run(stages, 4, &(duet_pipeline_options){.drop = free_row}, NULL);
 *
 * Items are pointers; what they point to belongs to whoever has the item: a stage takes what it is
 * given and gives what it puts out.  A slow stage holds back those before it: between two stages
 * wait at most .capacity items, so a pipeline over a million rows stays as small as one over ten.
 *
 * The call returns when the last item has left the last stage, or after the first failure; either
 * way every task of the pipeline has ended, and every item has been sunk or dropped. */
#ifndef DUET_PIPELINE_H
#define DUET_PIPELINE_H

#include <duet/api.h>
#include <duet/bytes.h>
#include <duet/pool.h>
#include <duet/time.h>

/* One stage.  Exactly one of source (the first stage), map or job (between), sink (the last; a
 * pipeline may also end with a map or job, whose items are dropped) is set. */
typedef struct duet_stage {
	const char *name; /* for statistics and errors; lent for the call                       */

	/* Gives the next item.  Called by one task at a time.  -> 1 (*item is set), 0 (no more),
	 * < 0 (fails the pipeline) */
	int (*source)(void *ctx, void **item);

	/* Turns in into *out, which is NULL before: left so, the item ends here (a filter).
	 * -> >= 0: in was taken; < 0: it failed, and in is dropped */
	int (*map)(void *ctx, void *in, void **out);

	/* The pool job of that name in .pool: items are duet_buf *, from malloc; each is replaced
	 * by one that holds the reply. */
	const char *job;
	duet_pool *pool;

	/* Takes the item.  -> >= 0; < 0: it failed, and the item is dropped */
	int (*sink)(void *ctx, void *item);

	void *ctx;
	size_t concurrency; /* calls at once; 0 = 1, a job: 4 for each worker                   */
	size_t capacity;    /* items that may wait in front of it; 0 = twice its concurrency    */
	bool ordered;       /* items leave in the order in which the source gave them: the source
	                       pauses while an item is late by more than the pipeline holds     */
} duet_stage;

typedef enum duet_pipeline_policy {
	DUET_PIPELINE_STOP = 0, /* the first failure stops everything, and is the result        */
	DUET_PIPELINE_SKIP = 1, /* a failed item is dropped and counted, the others go on       */
} duet_pipeline_policy;

/* Every field may be 0 for its default. */
typedef struct duet_pipeline_options {
	duet_pipeline_policy policy;
	/* Frees an item that ends before the sink: filtered, failed, or left when the pipeline
	 * stops.  NULL = nothing to free; for jobs' duet_buf use duet_pipeline_drop_buf. */
	void (*drop)(void *item);
	/* Hears of each failed item before it is dropped (SKIP).  Must not suspend. */
	void (*failed)(void *context, const char *stage, void *item, int code, const char *words);
	void *context;
} duet_pipeline_options;

typedef struct duet_stage_stats {
	uint64_t in;  /* items taken from the queue in front (a source: 0)              */
	uint64_t out; /* items given on                                                 */
	uint64_t failed;
	uint64_t filtered;
	duet_time busy;      /* in calls of the stage, summed over its tasks                   */
	duet_time starved;   /* waiting for an item, summed likewise: the stage before is slow */
	duet_time blocked;   /* waiting to give one on: the stage behind is slow               */
	size_t most_waiting; /* in the queue in front                                          */
} duet_stage_stats;

DUET_BEGIN_DECLS

/* Runs the pipeline to its end.  stats may be NULL, or an array of n, set in any case once the
 * stages have been found valid.
 * -> 0, the first failure (the words name the stage), DUET_ECANCELED, -EINVAL (stages make no
 * pipeline: the words say which), -ENOMEM, DUET_ENOTASK */
DUET_SUSPENDS DUET_API int duet_pipeline_run(const duet_stage stages[], size_t n,
					     const duet_pipeline_options *options,
					     duet_stage_stats stats[]);

/* For .drop where items are duet_buf * from malloc. */
DUET_API void duet_pipeline_drop_buf(void *item);

DUET_END_DECLS

#endif
