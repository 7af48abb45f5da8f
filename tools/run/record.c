#include "tools/run/record.h"

#include "tools/text.h"
#include <errno.h>
#include <stdlib.h>

#define FIRST_BIN DUET_MS(10)

int record_open(struct record *r, const char *trace, bool keep)
{
	*r = (struct record){.is_kept = keep, .stride = 1, .bin_width = FIRST_BIN};
	r->started = duet_now();
	if (keep)
		r->spans = calloc(RECORD_SPANS, sizeof *r->spans);
	if (keep && r->spans == NULL)
		return -ENOMEM;
	if (trace == NULL)
		return 0;
	r->trace = fopen(trace, "we");
	if (r->trace == NULL)
		return -errno;
	fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
	      "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{\"name\":\"duet run\"}}",
	      r->trace);
	return 0;
}

unsigned record_begin(struct record *r)
{
	unsigned lane = 0;

	while (lane < RECORD_LANES - 1 && r->lanes[lane])
		lane++;
	r->lanes[lane] = true;
	return lane;
}

/* --- the trace: complete events of Chrome's format, times in microseconds --- */

static void write_event(FILE *to, const char *name, const struct record_span *s, duet_time from,
			duet_time until, const char *args)
{
	if (until > from)
		fprintf(to,
			",\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%u,\"ts\":%.3f,\"dur\":"
			"%.3f%s}",
			name, s->lane + 1u, (double)from / 1e3, (double)(until - from) / 1e3, args);
}

static void write_trace(FILE *to, const struct record_span *s, const struct row *row,
			const struct result *result)
{
	struct text args = {0};

	text_puts(&args, ",\"args\":{\"custom_id\":");
	text_quote(&args, row->id, row->id_len);
	text_printf(&args, ",\"code\":\"%s\",\"attempts\":%d}", row_code_name(s->code),
		    result->attempts);
	if (!args.is_short)
		write_event(to, "row", s, s->began, s->ended, args.data);
	write_event(to, "queue", s, s->began, s->sent, "");
	write_event(to, "request", s, s->sent, s->answered, "");
	write_event(to, "post", s, s->answered, s->ended, "");
	text_free(&args);
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
		write_trace(r->trace, &s, row, result);
	if (r->is_kept)
		keep(r, &s);
}

int record_close(struct record *r)
{
	int e = 0;

	if (r->trace != NULL) {
		fputs("\n]}\n", r->trace);
		if (ferror(r->trace) != 0)
			e = -EIO;
		if (fclose(r->trace) != 0)
			e = -errno;
	}
	r->trace = NULL;
	free(r->spans);
	r->spans = NULL;
	return e;
}
