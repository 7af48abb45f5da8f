/* A trace in Chrome's format ("Trace Event Format"): complete events, times in microseconds.
 * Process 1 is the run, with a thread for each track; process 2 the pool, one for each worker.
 * Exchanges may overlap within their task, so they are asynchronous events. */
#include "loop/core/fail.h"
#include "loop/json/utf8.h"
#include <duet/trace.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct duet_trace {
	FILE *to;
	int error;    /* of the first write that failed */
	uint64_t ids; /* given to asynchronous events   */
};

enum { LOOP = 1, POOL = 2 };

duet_trace *duet_trace_open(const char *path)
{
	duet_trace *trace;

	if (path == NULL)
		return duet__failf_null(DUET_EINVAL, "the trace has no path");
	trace = calloc(1, sizeof(*trace));
	if (trace == NULL)
		return duet__fail_null(DUET_ENOMEM);
	trace->to = fopen(path, "we");
	if (trace->to == NULL) {
		int code = -errno;
		free(trace);
		return duet__failf_null(code, "%s: %s", path, duet_strerror(code));
	}
	fprintf(trace->to,
		"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
		"{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":\"tasks\"}},"
		"\n"
		"{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":\"workers\"}"
		"}",
		LOOP, POOL);
	return trace;
}

/* -> bytes taken: a UTF-8 sequence, or one byte that is none */
static size_t put_sequence(FILE *to, const unsigned char *p, size_t left)
{
	size_t n = duet__utf8_length(p, left);

	if (n == 0) {
		putc_unlocked('?', to);
		return 1;
	}
	fwrite(p, 1, n, to);
	return n;
}

/* Names may be any bytes: what is no UTF-8 becomes '?'. */
static void put_quoted(FILE *to, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text), n;

	putc_unlocked('"', to);
	for (; left > 0; p += n, left -= n) {
		n = 1;
		if (*p == '"' || *p == '\\')
			fprintf(to, "\\%c", *p);
		else if (*p < 0x20)
			fprintf(to, "\\u%04x", *p);
		else if (*p < 0x80)
			putc_unlocked(*p, to);
		else
			n = put_sequence(to, p, left);
	}
	putc_unlocked('"', to);
}

static void put_head(FILE *to, const duet_span *span, const char *phase, duet_time at)
{
	fputs(",\n{\"name\":", to);
	put_quoted(to, span->name);
	fputs(",\"cat\":", to);
	put_quoted(to, span->kind);
	fprintf(to, ",\"ph\":\"%s\",\"pid\":%d,\"tid\":%u,\"ts\":%.3f", phase,
		span->worker != 0 ? POOL : LOOP,
		span->worker != 0 ? (unsigned)span->worker : span->track, (double)at / 1e3);
}

static void put_args(FILE *to, const duet_span *span)
{
	fprintf(to, ",\"args\":{\"result\":%d", span->result);
	if (span->begin > span->queued)
		fprintf(to, ",\"queued_ms\":%.3f", (double)(span->begin - span->queued) / 1e6);
	if (span->detail != NULL) {
		fputs(",\"detail\":", to);
		put_quoted(to, span->detail);
	}
	fputs("}}", to);
}

void duet_trace_write(void *context, const duet_span *span)
{
	duet_trace *trace = context;

	if (trace == NULL || trace->error != 0)
		return;
	errno = 0;
	if (strcmp(span->kind, "http") == 0) {
		put_head(trace->to, span, "b", span->begin);
		fprintf(trace->to, ",\"id\":%llu", (unsigned long long)++trace->ids);
		put_args(trace->to, span);
		put_head(trace->to, span, "e", span->end);
		fprintf(trace->to, ",\"id\":%llu}", (unsigned long long)trace->ids);
	} else {
		put_head(trace->to, span, "X", span->begin);
		fprintf(trace->to, ",\"dur\":%.3f", (double)(span->end - span->begin) / 1e3);
		put_args(trace->to, span);
	}
	if (ferror(trace->to))
		trace->error = errno != 0 ? -errno : -EIO;
}

int duet_trace_close(duet_trace *trace)
{
	int error;

	if (trace == NULL)
		return 0;
	error = trace->error;
	errno = 0;
	if (fputs("\n]}\n", trace->to) < 0 && error == 0)
		error = errno != 0 ? -errno : -EIO;
	if (fclose(trace->to) != 0 && error == 0)
		error = errno != 0 ? -errno : -EIO;
	free(trace);
	return error == 0 ? 0
			  : duet__failf(error, "the trace is not whole: %s", duet_strerror(error));
}
