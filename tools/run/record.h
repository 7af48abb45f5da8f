/* What a run leaves for --trace and --report: when each row waited, was asked and was worked on.
 *
 * The trace is written as rows end.  For the report a sample is kept: once there are too many, every
 * other one goes, and from then on only every second, fourth, eighth ... row is taken. */
#ifndef TOOLS_RUN_RECORD_H
#define TOOLS_RUN_RECORD_H

#include "tools/input/row.h"
#include "tools/run/result.h"

#include <stdio.h>

enum { RECORD_SPANS = 1500, RECORD_BINS = 120, RECORD_LANES = 1024 };

struct record_span {
	uint64_t index;
	duet_time began, sent, answered, ended; /* since the run began                       */
	unsigned short lane;                    /* rows that overlap are in different lanes  */
	enum row_code code;
};

struct record_bin {
	uint32_t ok, failed;
};

struct record {
	FILE *trace; /* or NULL */
	bool is_kept;
	duet_time started;
	bool lanes[RECORD_LANES]; /* that are taken */
	struct record_span *spans;
	size_t n;
	uint64_t stride;
	struct record_bin bins[RECORD_BINS];
	duet_time bin_width;
};

/* Paths may be NULL.  -> 0, -errno (of the trace's file) */
int record_open(struct record *r, const char *trace, bool keep);

/* A row begins.  -> its lane */
unsigned record_begin(struct record *r);
/* ... and has ended: it began then, and its answer came then. */
void record_end(struct record *r, unsigned lane, const struct row *row, const struct result *result,
		duet_time began, duet_time answered);

/* -> 0, -errno: the trace was not written whole */
int record_close(struct record *r);

#endif
