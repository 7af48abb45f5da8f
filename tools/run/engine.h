/* A run: rows in, requests out, post steps, lines into the output.
 *
 *     reader ──row──▶ one task for each row: ask (duet_llm) ─▶ post (duet_pool) ─▶ end
 *       ▲  at most `places` rows under way,                                         │
 *       │  at most `window` ahead of the oldest unfinished one                      ▼
 *       └────────────────────────────────────── output ◀── journal ◀────────────────┘
 *     beside them: writer (output onto the disk), syncer (fsync, marks), ticker, signals, deadline
 *
 * Happy path: the reader comes to the end, the rows end, the output is flushed and marked.
 *
 * Whatever stops a run goes through engine_stop: the first reason gives the exit status.  It ends
 * the reader; rows under way are waited for (a drain) or cancelled.  A row that was cancelled
 * leaves nothing behind, so the next run asks it again.
 *
 * Invariants: a row is in the journal before its line is in the output's hands; after a failed
 * write nothing more is written. */
#ifndef TOOLS_RUN_ENGINE_H
#define TOOLS_RUN_ENGINE_H

#include "tools/input/input.h"
#include "tools/mock/server.h"
#include "tools/run/console.h"
#include "tools/run/dedup.h"
#include "tools/run/files.h"
#include "tools/run/post.h"
#include "tools/run/record.h"
#include "tools/run/result.h"

#include <duet/duet.h>

enum stop_kind { STOP_DRAIN, STOP_NOW };

struct engine {
	const struct run_options *o;
	struct mock_spec mock;
	struct row_rules rules;
	struct input input;
	struct files files;
	struct post post;
	struct dedup *dedup; /* or NULL */
	struct meter meter;
	struct record record;
	struct console console;
	const char *key; /* of the endpoint: wiped once it was handed over; NULL = none        */
	size_t places;   /* rows under way at most                                             */
	size_t jobs;     /* requests at once; 0 = found out                                    */

	/* while it runs */
	struct mock_server *server;
	duet_pool *pool;
	duet_llm *llm;
	duet_group *reading, *rows;
	duet_sem *free_places;
	duet_mutex *writing; /* who writes the output */
	duet_event *moved;   /* the window has moved, or the run stops                         */
	duet_event *filled;  /* something waits for the writer                                 */
	duet_event *dirty;   /* ... for the syncer                                             */
	uint64_t unsynced;   /* rows since the last sync                                       */
	uint64_t under_way;
	unsigned dead_rows; /* failed without an answer, one after the other                  */
	bool is_stopping, is_broken;
	int status; /* exit status, as far as it is decided                           */
	char why[400];

	/* what is told at the end */
	duet_llm_stats_t llm_stats;
	duet_pool_stats_t pool_stats;
};

/* The main task.  -> exit status */
int engine_run(void *engine);

/* The first reason counts. */
void engine_stop(struct engine *e, enum stop_kind kind, int status, const char *format, ...)
	DUET_PRINTF(4, 5);
/* A write to the output or the journal failed. */
void engine_break(struct engine *e, int code);

/* One row, from request to output; a task.  arg is a struct engine_row from malloc. */
struct engine_row {
	struct engine *engine;
	struct row *row;
};
int engine_answer(void *arg);
/* The row has ended: into the journal and the output.  line is taken. */
void engine_finish(struct engine *e, const struct row *row, const struct result *result);

/* The tasks beside the rows: writer, syncer, ticker, signals, deadline. */
int engine_watch(struct engine *e, duet_group *watchers);
/* What is left, onto the disk; after all rows have ended. */
void engine_settle(struct engine *e);

#endif
