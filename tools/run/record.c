#include "tools/run/record.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_BIN DUET_MS(10)

int record_open(struct record *r, const char *trace, bool keep)
{
	*r = (struct record){.is_kept = keep, .stride = 1, .job_stride = 1, .bin_width = FIRST_BIN};
	r->started = duet_now();
	if (keep) {
		r->spans = calloc(RECORD_SPANS, sizeof *r->spans);
		r->jobs = calloc(RECORD_JOBS, sizeof *r->jobs);
	}
	if (keep && (r->spans == NULL || r->jobs == NULL)) {
		r->is_kept = false;
		return -ENOMEM;
	}
	if (trace != NULL && (r->trace = duet_trace_open(trace)) == NULL)
		return -errno;
	return 0;
}

/* --- jobs --- */

static void halve_jobs(struct record *r)
{
	r->job_stride *= 2;
	for (size_t i = 0; 2 * i < r->job_count; i++)
		r->jobs[i] = r->jobs[2 * i];
	r->job_count /= 2;
}

static void keep_job(struct record *r, const duet_span *s)
{
	if (r->jobs_heard++ % r->job_stride != 0)
		return;
	if (r->job_count == RECORD_JOBS)
		halve_jobs(r);
	r->jobs[r->job_count++] = (struct record_job){.worker = s->worker,
						      .began = s->begin - r->started,
						      .ended = s->end - r->started,
						      .is_ok = s->result >= 0};
}

void record_hear(void *context, const duet_span *span)
{
	struct record *r = context;

	if (r->trace != NULL)
		duet_trace_write(r->trace, span);
	if (r->is_kept && span->worker != 0)
		keep_job(r, span);
}

/* --- rows --- */

unsigned record_begin(struct record *r)
{
	unsigned lane = 0;

	while (lane < RECORD_LANES - 1 && r->lanes[lane])
		lane++;
	r->lanes[lane] = true;
	return lane;
}

/* --- the trace --- */

static void trace_part(const struct record *r, const char *name, duet_time from, duet_time until)
{
	if (until > from)
		duet_trace_span(&(duet_span){.kind = "row",
					     .name = name,
					     .begin = r->started + from,
					     .end = r->started + until});
}

static void trace_row(const struct record *r, const struct record_span *s, const struct row *row,
		      const struct result *result)
{
	char detail[300];

	snprintf(detail, sizeof detail, "%.200s: %s, attempts: %d", row->id, row_code_name(s->code),
		 result->attempts);
	duet_trace_span(&(duet_span){.kind = "row",
				     .name = "row",
				     .detail = detail,
				     .begin = r->started + s->began,
				     .end = r->started + s->ended,
				     .result = s->code});
	trace_part(r, "queue", s->began, s->sent);
	trace_part(r, "request", s->sent, s->answered);
	trace_part(r, "post", s->answered, s->ended);
}

/* --- the sample --- */

static void halve_spans(struct record *r)
{
	size_t n = 0;

	r->stride *= 2;
	for (size_t i = 0; i < r->n; i++)
		if (r->spans[i].index % r->stride == 0)
			r->spans[n++] = r->spans[i];
	r->n = n;
}

static void halve_bins(struct record *r)
{
	for (size_t i = 0; i < RECORD_BINS / 2; i++) {
		r->bins[i].ok = r->bins[2 * i].ok + r->bins[2 * i + 1].ok;
		r->bins[i].failed = r->bins[2 * i].failed + r->bins[2 * i + 1].failed;
	}
	memset(r->bins + RECORD_BINS / 2, 0, sizeof r->bins / 2);
	r->bin_width *= 2;
}

static void keep(struct record *r, const struct record_span *s)
{
	while (s->ended / r->bin_width >= RECORD_BINS)
		halve_bins(r);
	if (s->code == ROW_OK)
		r->bins[s->ended / r->bin_width].ok++;
	else
		r->bins[s->ended / r->bin_width].failed++;
	while (r->n == RECORD_SPANS)
		halve_spans(r);
	if (s->index % r->stride == 0)
		r->spans[r->n++] = *s;
}

void record_end(struct record *r, unsigned lane, const struct row *row, const struct result *result,
		duet_time began, duet_time answered)
{
	struct record_span s = {
		.index = row->index,
		.began = began - r->started,
		.sent = answered - result->answer.service_time - r->started,
		.answered = answered - r->started,
		.ended = duet_now() - r->started,
		.lane = (unsigned short)lane,
		.code = result->code,
	};

	r->lanes[lane] = false;
	if (r->trace != NULL)
		trace_row(r, &s, row, result);
	if (r->is_kept)
		keep(r, &s);
}

int record_close(struct record *r)
{
	int e = duet_trace_close(r->trace);

	r->trace = NULL;
	free(r->spans);
	free(r->jobs);
	r->spans = NULL;
	r->jobs = NULL;
	return e;
}
