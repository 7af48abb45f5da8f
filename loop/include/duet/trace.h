/* Traces: where the time of a run went, as spans with a beginning and an end.
 *
 *     duet_trace *trace = duet_trace_open("run.json");
 *     duet_run_options options = {.trace = duet_trace_write, .trace_context = trace};
 *     int r = duet_run_with(&options, fn, arg);
 *     if (duet_trace_close(trace) < 0)
 *             fprintf(stderr, "run.json: %s\n", duet_errmsg());
 *
 * The file opens in ui.perfetto.dev and chrome://tracing.  A hook of one's own sees the same:
 *
 *     static void on_span(void *context, const duet_span *span)
 *     {
 *             printf("%s %s: %.3f ms\n", span->kind, span->name, (span->end - span->begin) / 1e6);
 *     }
 *
 * A run tells of "task" (from its first step to its end), "http" (an exchange, from its own
 * beginning, not that of its wait for a connection, to the last byte) and "job" (in a worker of a
 * pool), and of what the program itself adds with duet_trace_span.  Without a hook all of it costs
 * a test of a pointer for each. */
#ifndef DUET_TRACE_H
#define DUET_TRACE_H

#include <duet/api.h>
#include <duet/time.h>
#include <sys/types.h>

/* All pointers are lent for the call. */
typedef struct duet_span {
	const char *kind;     /* "task", "http", "job"; the program's own: NULL = "span"          */
	const char *name;     /* of the task or job; "POST host:port/path", without the query     */
	const char *detail;   /* further words, or NULL                                           */
	duet_time queued;     /* http, job: since when it waited for its place; else = begin      */
	duet_time begin, end; /* on the loop's clock, as duet_now()                             */
	uint32_t track; /* of the task: tasks that overlap have different ones, from 1, and one
	                   that ends leaves its own to another.  0 = none                       */
	pid_t worker;   /* job: the process; its spans follow one another.  Else 0                */
	int result;     /* of the task or job; http: the status, or an error code < 0             */
} duet_span;

/* Hears of each span when it has ended, on the loop's thread, not in a task: it must not suspend. */
typedef void duet_trace_fn(void *context, const duet_span *span);

typedef struct duet_trace duet_trace;

DUET_BEGIN_DECLS

/* Adds a span to the trace of this thread's run, if there is one.  .begin is the program's, from
 * duet_now(); what else is 0 becomes: .kind "span", .end now, .queued .begin, .track the task's.
 *
 *     duet_time begin = duet_now();
 *     parse(&page);
 *     duet_trace_span(&(duet_span){.name = "parse", .begin = begin}); */
DUET_API void duet_trace_span(const duet_span *span);

/* Whether anybody listens: for what is dear to find out. */
DUET_API bool duet_trace_is_on(void);

/* A trace file in Chrome's format.  Writing blocks, a buffer at a time.  Any thread; of several
 * runs at once each needs its own.  -> gives a trace, or NULL with errno (ENOENT, EACCES ...) */
DUET_API duet_trace *duet_trace_open(const char *path);

/* The hook that writes: .trace_context is the trace. */
DUET_API duet_trace_fn duet_trace_write;

/* Ends the file and frees the trace; NULL is fine.
 * -> 0, -ENOSPC or other -errno: the file is not whole */
DUET_API int duet_trace_close(duet_trace *trace);

DUET_END_DECLS

#endif
