/* What a run leaves for --trace and --report: when each row waited, was asked and was worked on, and
 * when each worker was at a job.
 *
 * The trace is the library's own (<duet/trace.h>), with the rows added to it.  For the report samples
 * of rows and jobs are kept: once there are too many, every other one goes, and from then on only
 * every second, fourth, eighth ... is taken. */
#ifndef TOOLS_RUN_RECORD_H
#define TOOLS_RUN_RECORD_H

#include "tools/input/row.h"
#include "tools/run/result.h"

#include <duet/trace.h>
#include <stdio.h>

enum { RECORD_SPANS = 1500, RECORD_JOBS = 3000, RECORD_BINS = 120, RECORD_LANES = 1024 };

struct record_span {
	uint64_t index;
	duet_time began, sent, answered, ended; /* since the run began                       */
	unsigned short lane;                    /* rows that overlap are in different lanes  */
	enum row_code code;
};

/* One of a worker's jobs. */
struct record_job {
	pid_t worker;
	duet_time began, ended; /* since the run began */
	bool is_ok;
};

struct record_bin {
	uint32_t ok, failed;
};

struct record {
	duet_trace *trace; /* or NULL */
	bool is_kept;
	duet_time started;
	bool lanes[RECORD_LANES]; /* that are taken */
	struct record_span *spans;
	size_t n;
	uint64_t stride;
	struct record_job *jobs;
	size_t job_count;
	uint64_t jobs_heard, job_stride;
	struct record_bin bins[RECORD_BINS];
	duet_time bin_width;
};

/* Paths may be NULL.  -> 0, -errno (of the trace's file) */
int record_open(struct record *r, const char *trace, bool keep);

/* The run that is recorded reports its spans here; context is the record. */
duet_trace_fn record_hear;

/* A row begins.  -> its lane */
unsigned record_begin(struct record *r);
/* ... and has ended: it began then, and its answer came then. */
void record_end(struct record *r, unsigned lane, const struct row *row, const struct result *result,
		duet_time began, duet_time answered);

/* -> 0, -errno: the trace was not written whole */
int record_close(struct record *r);

#endif
