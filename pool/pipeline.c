/* A pipeline is a group of tasks: as many for each stage as its concurrency says, that take from
 * the queue in front of the stage and put into the one behind it.
 *
 *   source ──▶ queue ──▶ map map map ──▶ [line] ──▶ queue ──▶ sink
 *
 * Each item travels in an envelope that bears its number.  An ordered stage has a line at its way
 * out: whoever finishes early leaves the envelope there, and whoever brings the next one due takes
 * along all that have become due behind it.  Nobody ever waits in a line, or the one item that all
 * are waiting for might find no task to work on it; instead the source pauses while the last line is
 * a whole window behind.  Filtered and failed items travel on as empty envelopes, so that no line
 * misses them.
 *
 * The end: the last task to leave a stage shuts the queue behind it, which drains, and so on.
 * A failure cancels the group; what is left in queues and lines is dropped once all have ended. */
#include <duet/pipeline.h>

#include "loop/core/fail.h"
#include <duet/error.h>
#include <duet/event.h>
#include <duet/group.h>
#include <duet/queue.h>
#include <duet/scope.h>
#include <duet/task.h>
#include <stdlib.h>

enum {
	JOBS_PER_WORKER = 4,
	AHEAD_MOST = 1 << 16, /* of a queue without bound, where order is kept */
};

struct envelope {
	uint64_t number;
	void *item; /* NULL: filtered, failed or sunk */
};

/* Where an ordered stage puts its items back into order. */
struct line {
	struct envelope **slots; /* by number modulo the window */
	uint64_t next;           /* the number due to leave     */
	bool leaving;            /* somebody is giving them on  */
};

struct stage {
	const duet_stage *is;
	struct pipeline *pipeline;
	struct stage *behind;
	duet_queue *queue; /* in front; a source has none */
	size_t concurrency;
	size_t tasks; /* that have not left */
	struct line line;
	duet_stage_stats stats;
};

struct pipeline {
	duet_pipeline_options options;
	duet_group *group;
	struct stage *stages;
	size_t n;
	uint64_t numbers;   /* given so far                                     */
	size_t window;      /* numbers that may be under way, if order is kept  */
	struct stage *gate; /* the last ordered stage, or NULL                  */
	duet_event *gate_moved;
};

void duet_pipeline_drop_buf(void *item)
{
	duet_buf_free(item);
	free(item);
}

static void drop(struct pipeline *p, void *item)
{
	if (item != NULL && p->options.drop != NULL)
		p->options.drop(item);
}

static void drop_envelope(struct pipeline *p, struct envelope *e)
{
	if (e == NULL)
		return;
	drop(p, e->item);
	free(e);
}

/* Gives e on to the next stage, which takes it whatever happens. */
static int give_on(struct stage *s, struct envelope *e)
{
	duet_time start = duet_now();
	int r;

	if (s->behind == NULL) {
		drop_envelope(s->pipeline, e);
		return 0;
	}
	s->stats.out += e->item != NULL;
	r = duet_queue_put(s->behind->queue, e);
	if (r < 0)
		drop_envelope(s->pipeline, e);
	size_t waiting = duet_queue_len(s->behind->queue);
	if (waiting > s->behind->stats.most_waiting)
		s->behind->stats.most_waiting = waiting;
	s->stats.blocked += duet_now() - start;
	return r;
}

/* All that is due leaves, through whoever came with the first of it. */
static int let_leave(struct stage *s)
{
	struct line *l = &s->line;
	size_t window = s->pipeline->window;
	struct envelope *e;
	int r = 0;

	l->leaving = true;
	while (r == 0 && (e = l->slots[l->next % window]) != NULL) {
		l->slots[l->next++ % window] = NULL;
		if (s == s->pipeline->gate)
			duet_event_set(s->pipeline->gate_moved);
		r = give_on(s, e);
	}
	l->leaving = false;
	return r;
}

static int stand_in_line(struct stage *s, struct envelope *e)
{
	s->line.slots[e->number % s->pipeline->window] = e;
	return s->line.leaving ? 0 : let_leave(s);
}

static int pass_on(struct stage *s, struct envelope *e)
{
	return s->is->ordered ? stand_in_line(s, e) : give_on(s, e);
}

static int stop(struct stage *s, int code)
{
	if (code == DUET_ECANCELED)
		return code;
	return duet__failf(code, "stage %s: %s", s->is->name != NULL ? s->is->name : "?",
			   duet_errmsg());
}

/* -> 0: go on; < 0: the pipeline stops */
static int judge_failure(struct stage *s, struct envelope *e, int code)
{
	struct pipeline *p = s->pipeline;

	s->stats.failed++;
	if (p->options.policy == DUET_PIPELINE_STOP || duet_cancelled())
		return stop(s, code);
	if (p->options.failed != NULL)
		p->options.failed(p->options.context, s->is->name, e->item, code, duet_errmsg());
	drop(p, e->item);
	e->item = NULL;
	return 0;
}

static int run_job(const duet_stage *is, void *in, void **out)
{
	duet_buf *buf = in, reply = {0};
	int r = duet_pool_call(is->pool, is->job, DUET_BYTES(buf->data, buf->len), &reply);

	if (r < 0)
		return r;
	duet_buf_free(buf);
	*buf = reply;
	*out = buf;
	return r;
}

static int call_stage(struct stage *s, struct envelope *e)
{
	const duet_stage *is = s->is;
	duet_time start = duet_now();
	void *out = NULL;
	int r;

	if (is->sink != NULL)
		r = is->sink(is->ctx, e->item);
	else if (is->job != NULL)
		r = run_job(is, e->item, &out);
	else
		r = is->map(is->ctx, e->item, &out);
	s->stats.busy += duet_now() - start;
	if (r < 0)
		return judge_failure(s, e, r);
	s->stats.filtered += out == NULL && is->sink == NULL;
	e->item = out;
	return 0;
}

static int take_next(struct stage *s, struct envelope **e)
{
	duet_time start = duet_now();
	void *item;
	int r = duet_queue_get(s->queue, &item);

	s->stats.starved += duet_now() - start;
	if (r == 0)
		*e = item;
	return r;
}

static int work_through(struct stage *s)
{
	struct envelope *e;
	int r;

	while ((r = take_next(s, &e)) == 0) {
		if (e->item != NULL) {
			s->stats.in++;
			r = call_stage(s, e);
		}
		if (r < 0) {
			drop_envelope(s->pipeline, e);
			return r;
		}
		if ((r = pass_on(s, e)) < 0)
			return r;
	}
	return r == DUET_ECLOSED ? 0 : r;
}

/* While the last ordered stage is a whole window behind. */
static int wait_at_gate(struct stage *s)
{
	struct pipeline *p = s->pipeline;
	duet_time start = duet_now();
	int r = 0;

	while (r == 0 && p->gate != NULL && p->numbers - p->gate->line.next >= p->window) {
		duet_event_clear(p->gate_moved);
		r = duet_event_wait(p->gate_moved);
	}
	s->stats.blocked += duet_now() - start;
	return r;
}

/* -> 1: *e is set, 0: no more, < 0 */
static int ask_source(struct stage *s, struct envelope **e)
{
	duet_time start = duet_now();
	void *item = NULL;
	int r = s->is->source(s->is->ctx, &item);

	s->stats.busy += duet_now() - start;
	if (r < 0) {
		s->stats.failed++;
		return stop(s, r);
	}
	if (r == 0)
		return 0;
	*e = malloc(sizeof(**e));
	if (*e == NULL) {
		drop(s->pipeline, item);
		return duet__fail(DUET_ENOMEM);
	}
	**e = (struct envelope){.number = s->pipeline->numbers++, .item = item};
	return 1;
}

static int give_all(struct stage *s)
{
	struct envelope *e = NULL;
	int r;

	while ((r = wait_at_gate(s)) == 0 && (r = ask_source(s, &e)) > 0)
		if ((r = give_on(s, e)) < 0)
			return r;
	return r;
}

static int run_stage(void *arg)
{
	struct stage *s = arg;
	int r = s->queue == NULL ? give_all(s) : work_through(s);

	if (--s->tasks == 0 && r == 0 && s->behind != NULL)
		duet_queue_shutdown(s->behind->queue);
	return r;
}

/* What makes no pipeline. */

static const char *find_fault(const duet_stage stages[], size_t i, size_t n)
{
	const duet_stage *s = &stages[i];
	int kinds = (s->source != NULL) + (s->map != NULL) + (s->job != NULL) + (s->sink != NULL);

	if (kinds != 1)
		return "needs exactly one of source, map, job and sink";
	if ((s->source != NULL) != (i == 0))
		return i == 0 ? "comes first and must be a source"
			      : "is a source but not the first";
	if (s->sink != NULL && i != n - 1)
		return "is a sink but not the last";
	if (s->job != NULL && s->pool == NULL)
		return "has a job but no pool";
	return NULL;
}

static int refuse(const duet_stage stages[], size_t n)
{
	if (stages == NULL || n < 2)
		return duet__failf(DUET_EINVAL, "a pipeline needs a source and one more stage");
	for (size_t i = 0; i < n; i++) {
		const char *fault = find_fault(stages, i, n);
		if (fault != NULL)
			return duet__failf(DUET_EINVAL, "stage %zu (%s) %s", i,
					   stages[i].name != NULL ? stages[i].name : "?", fault);
	}
	return 0;
}

static size_t default_concurrency(const duet_stage *s)
{
	duet_pool_stats_t pool;

	if (s->job == NULL || duet_pool_stats(s->pool, &pool) < 0 || pool.workers == 0)
		return 1;
	return JOBS_PER_WORKER * pool.workers;
}

static int stage_init(struct stage *s, struct pipeline *p, const duet_stage *is)
{
	size_t capacity = is->capacity;

	s->is = is;
	s->pipeline = p;
	s->behind = s + 1 < p->stages + p->n ? s + 1 : NULL;
	s->concurrency = is->concurrency != 0 ? is->concurrency : default_concurrency(is);
	if (is->source != NULL) {
		s->concurrency = 1;
		return 0;
	}
	if (capacity == 0)
		capacity = 2 * s->concurrency;
	p->window += 2 * ((capacity < AHEAD_MOST ? capacity : AHEAD_MOST) + s->concurrency);
	if (is->ordered)
		p->gate = s;
	s->queue = duet_queue_new(capacity);
	return s->queue != NULL ? 0 : DUET_ENOMEM;
}

static int line_init(struct stage *s)
{
	if (!s->is->ordered || s->is->source != NULL)
		return 0;
	s->line.slots = calloc(s->pipeline->window, sizeof(*s->line.slots));
	return s->line.slots != NULL ? 0 : DUET_ENOMEM;
}

static void stage_fini(struct stage *s)
{
	void *item;

	/* Asking an empty queue would put its words in place of the failure's. */
	while (s->queue != NULL && duet_queue_len(s->queue) > 0 &&
	       duet_queue_try_get(s->queue, &item) == 0)
		drop_envelope(s->pipeline, item);
	for (size_t i = 0; s->line.slots != NULL && i < s->pipeline->window; i++)
		drop_envelope(s->pipeline, s->line.slots[i]);
	duet_queue_free(s->queue);
	free(s->line.slots);
}

static int prepare(struct pipeline *p, const duet_stage stages[])
{
	int r = 0;

	for (size_t i = 0; i < p->n && r == 0; i++)
		r = stage_init(&p->stages[i], p, &stages[i]);
	for (size_t i = 0; i < p->n && r == 0; i++)
		r = line_init(&p->stages[i]);
	if (r == 0 && p->gate != NULL && (p->gate_moved = duet_event_new()) == NULL)
		r = DUET_ENOMEM;
	return r < 0 ? duet__fail(r) : 0;
}

static int spawn_all(struct pipeline *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct stage *s = &p->stages[i];
		for (s->tasks = 0; s->tasks < s->concurrency; s->tasks++) {
			int r = duet_group_spawn(p->group, run_stage, s);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int run(struct pipeline *p, const duet_stage stages[])
{
	int r = prepare(p, stages), closed;

	if (r < 0)
		return r;
	p->group = duet_group_open();
	if (p->group == NULL)
		return duet__fail(DUET_ENOMEM);
	r = spawn_all(p);
	if (r < 0)
		duet_group_cancel(p->group);
	closed = duet_group_close(p->group);
	return r < 0 ? duet__fail(r) : closed;
}

int duet_pipeline_run(const duet_stage stages[], size_t n, const duet_pipeline_options *options,
		      duet_stage_stats stats[])
{
	struct pipeline p = {.n = n};
	int r = refuse(stages, n);

	if (r < 0)
		return r;
	if (duet_self() == NULL)
		return duet__fail(DUET_ENOTASK);
	if (options != NULL)
		p.options = *options;
	p.stages = calloc(n, sizeof(*p.stages));
	if (p.stages == NULL)
		return duet__fail(DUET_ENOMEM);
	r = run(&p, stages);
	for (size_t i = 0; i < n; i++) {
		if (stats != NULL)
			stats[i] = p.stages[i].stats;
		stage_fini(&p.stages[i]);
	}
	duet_event_free(p.gate_moved);
	free(p.stages);
	return r;
}
