/* Jobs in a trace. */
#include "tests/lib/run.h"
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <stdio.h>
#include <string.h>

enum { WORKERS = 2, JOBS = 200 };

static duet_pool *pool;

struct seen {
	size_t jobs;
	pid_t workers[WORKERS];
	duet_time ends[WORKERS];
};

/* Jobs of one worker follow one another, and none began before it was called. */
static void on_span(void *context, const duet_span *s)
{
	struct seen *seen = context;
	int w = 0;

	if (strcmp(s->kind, "job") != 0)
		return;
	while (w < WORKERS - 1 && seen->workers[w] != 0 && seen->workers[w] != s->worker)
		w++;
	seen->workers[w] = s->worker;
	CHECK_STR(s->name, "echo");
	CHECK_EQ(s->result, 0);
	CHECK(s->worker > 0);
	CHECK_LE(s->queued, s->begin);
	CHECK_LE(seen->ends[w], s->begin);
	CHECK_LE(s->begin, s->end);
	CHECK_LE(s->end, duet_now());
	seen->ends[w] = s->end;
	seen->jobs++;
}

static int many(void *arg)
{
	duet_bytes in[JOBS];

	(void)arg;
	for (int i = 0; i < JOBS; i++)
		in[i] = DUET_STR("hello");
	CHECK_OK(duet_pool_map(pool, "echo", in, JOBS, NULL, NULL));
	return 0;
}

/* Every job is a span of the worker that ran it. */
TEST(trace_jobs_follow_one_another_in_each_worker)
{
	struct seen seen = {0};

	pool = jobs_pool(&(duet_pool_options){.workers = WORKERS});
	CHECK_OK(duet_run_with(&(duet_run_options){.trace = on_span, .trace_context = &seen}, many,
			       NULL));
	CHECK_EQ(seen.jobs, JOBS);
	jobs_close(pool);
}

static void note_job(void *context, const duet_span *s)
{
	(void)context;
	if (strcmp(s->kind, "job") == 0)
		note("%s %s", s->name, duet_err_name(s->result));
}

static int ways_to_fail(void *arg)
{
	duet_call_options brief = {.timeout = DUET_MS(30)};
	duet_scope scope;

	(void)arg;
	CHECK_ERR(duet_pool_call(pool, "fail", DUET_STR("x"), NULL), -EBADMSG);
	CHECK_ERR(duet_pool_call(pool, "signal", DUET_STR("9"), NULL), DUET_EWORKER);
	CHECK_ERR(duet_pool_call_with(pool, &brief, "spin", DUET_STR(""), NULL), DUET_ETIMEDOUT);
	CHECK_OK(duet_scope_enter(&scope, DUET_MS(30)));
	CHECK_ERR(duet_pool_call(pool, "spin", DUET_STR(""), NULL), DUET_ECANCELED);
	duet_scope_exit(&scope);
	CHECK_ERR(duet_pool_call(pool, "no such job", DUET_STR(""), NULL), -ENOENT);
	return 0;
}

/* A job that ran is in the trace however it ended; what never ran is not. */
TEST(trace_tells_how_jobs_ended)
{
	pool = jobs_pool(&(duet_pool_options){.workers = WORKERS});
	CHECK_OK(duet_run_with(&(duet_run_options){.trace = note_job}, ways_to_fail, NULL));
	CHECK_STR(notes(), "fail EBADMSG, signal EWORKER, spin ETIMEDOUT, "
			   "spin ECANCELED");
	jobs_close(pool);
}
