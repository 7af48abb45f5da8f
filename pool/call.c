/* What a task calls.  The call lives in the frame of its task, which parks until it has ended. */
#include "pool/pool_impl.h"

#include "loop/core/fail.h"
#include "pool/job_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- coming and going ---- */

static int closed(void)
{
	return duet__failf(DUET_ECLOSED, "the pool is closed");
}

int duet__call_enter(duet_pool *p)
{
	int r = duet__enter();
	if (r < 0)
		return r;
	if (p == NULL)
		return duet__failf(DUET_EINVAL, "there is no pool");
	if (p->closing)
		return closed();
	if ((r = duet__pool_bind(p)) < 0)
		return r;
	if (p->failed)
		return duet__failf(DUET_EPOOL, "%s", p->why_failed);
	p->users++;
	return 0;
}

void duet__call_leave(duet_pool *p)
{
	if (--p->users == 0)
		duet__wake_all(&p->drained, 0);
}

bool duet__call_has_space(const duet_pool *p)
{
	size_t most = p->plan.options.max_queue;
	return most == 0 || p->ledger.queued < most;
}

int duet__call_wait_in_line(duet_pool *p)
{
	while (!duet__call_has_space(p)) {
		DUET__WAITER_EXTERNAL(w, "place in the pool's queue");
		duet__list_append(&p->space, &w.node);
		int r = duet__park(&w);
		if (r < 0)
			return r;
		if (p->ending)
			return closed();
		if (p->failed)
			return duet__failf(DUET_EPOOL, "%s", p->why_failed);
	}
	return 0;
}

static int wait_for_space(duet_pool *p)
{
	if (p->plan.options.fail_when_full && !duet__call_has_space(p))
		return duet__failf(DUET_EAGAIN, "%zu calls wait already", p->ledger.queued);
	return duet__call_wait_in_line(p);
}

/* ---- one call ---- */

static uint8_t level_of(int priority)
{
	const int middle = DUET__LEVELS / 2;
	return (uint8_t)(priority < -middle   ? 0
			 : priority >= middle ? DUET__LEVELS - 1
					      : priority + middle);
}

int duet__call_prepare(const duet_pool *p, duet__call *call, const duet_call_options *o,
		       const char *job, duet_bytes in)
{
	static const duet_call_options defaults;
	const duet_pool_options *all = &p->plan.options;
	int index = job != NULL ? duet__job_find(job) : -ENOENT;
	if (index < 0)
		return duet__failf(index, "no job is registered as \"%s\"", job != NULL ? job : "");
	if (in.data == NULL && in.len > 0)
		return duet__failf(DUET_EINVAL, "an input of %zu bytes that are nowhere", in.len);
	if (in.len > all->max_payload)
		return duet__failf(DUET_E2BIG,
				   "an input of %zu bytes is over the pool's limit of %zu", in.len,
				   all->max_payload);
	if (o == NULL)
		o = &defaults;
	*call = (duet__call){
		.job = (uint16_t)index,
		.in = in,
		.level = level_of(o->priority),
		.retries = o->retries == 0  ? all->retries
			   : o->retries < 0 ? 0
					    : o->retries,
		.timeout = duet__time_limit(o->timeout > 0 ? o->timeout : all->job_timeout),
		.on_progress = o->on_progress,
		.context = o->context,
	};
	duet__list_init(&call->node);
	return 0;
}

void duet__call_submit(duet_pool *p, duet__call *call)
{
	if (p->ledger.queued == 0)
		p->turn = duet_now(); /* one look at the clock for all calls of a turn */
	duet__ledger_submit(&p->ledger, call, p->turn, false);
	duet__dispatch_soon(p);
}

void duet__call_finish(duet_pool *p, duet__call *call, int result, const char *words)
{
	p->stats.done += result >= 0;
	p->stats.failed += result < 0;
	p->stats.timeouts += result == DUET_ETIMEDOUT;
	duet__arena_free(call->block);
	call->block = NULL;
	call->result = result;
	call->words = result < 0 && words != NULL ? strdup(words) : NULL;
	call->over(call);
}

duet__hand *duet__call_drop(duet_pool *p, duet__call *call)
{
	unsigned ticket = call->ticket;
	duet__hand *running = duet__ledger_drop(&p->ledger, call);
	if (running == NULL)
		return NULL;
	running->lent[ticket] = call->block;
	if (call->block == NULL && duet__arena_has(p->arena, call->in))
		running->lent[ticket] = duet__arena_hold(p->arena, call->in.data);
	call->block = NULL;
	return running;
}

void duet__call_abandon(duet_pool *p, duet__call *call)
{
	unsigned ticket = call->ticket;
	duet__hand *running = duet__call_drop(p, call);
	duet__arena_free(call->block);
	call->block = NULL;
	p->stats.failed++;
	if (running != NULL) {
		duet__worker *w = duet__container_of(running, duet__worker, hand);
		duet__pool_trace(w, call, DUET_FOREVER, DUET_ECANCELED);
		duet__overdue_give_up(w, ticket);
	}
	duet__dispatch_soon(p);
}

/* It may have, and nobody has read it yet. */
bool duet__call_has_ended(duet__call *call)
{
	if (call->state == DUET__CALL_HELD && duet__call_is_started(call))
		duet__dispatch_gather(duet__container_of(call->hand, duet__worker, hand));
	return call->state == DUET__CALL_OVER;
}

int duet__call_outcome(duet__call *call, duet_buf *out)
{
	int r = call->result;
	if (r >= 0 && out != NULL)
		*out = call->out;
	else if (r >= 0)
		duet_buf_free(&call->out);
	else if (call->words != NULL)
		duet__failf(r, "%s", call->words);
	else
		duet__failf(r, "job \"%.64s\" failed: %s", duet__job_name(call->job),
			    duet_strerror(r));
	free(call->words);
	return r;
}

/* ---- the public calls ---- */

struct single {
	duet__call call;
	duet__waiter waiter;
};

static void on_over(duet__call *call)
{
	duet__wake(&duet__container_of(call, struct single, call)->waiter, 0);
}

static int call_inside(duet_pool *p, const duet_call_options *o, const char *job, duet_bytes in,
		       duet_buf *out)
{
	struct single s;
	int r = duet__call_prepare(p, &s.call, o, job, in);
	if (r == 0)
		r = wait_for_space(p);
	if (r < 0)
		return r;
	DUET__WAITER_EXTERNAL(waiter, "pool call");
	s.waiter = waiter;
	duet__list_init(&s.waiter.node);
	s.call.over = on_over;
	duet__call_submit(p, &s.call);
	r = duet__park(&s.waiter);
	s.waiter.done = true; /* we are awake, whatever comes of the call now */
	if (r < 0 && !duet__call_has_ended(&s.call)) {
		duet__call_abandon(p, &s.call);
		return duet__fail(r);
	}
	return duet__call_outcome(&s.call, out);
}

int duet_pool_call_with(duet_pool *pool, const duet_call_options *options, const char *job,
			duet_bytes in, duet_buf *out)
{
	int r = duet__call_enter(pool);
	if (r < 0)
		return r;
	r = call_inside(pool, options, job, in, out);
	duet__call_leave(pool);
	return r;
}

int duet_pool_call(duet_pool *pool, const char *job, duet_bytes in, duet_buf *out)
{
	return duet_pool_call_with(pool, NULL, job, in, out);
}

static void release_block(duet_buf *buf)
{
	duet__arena_free(buf->owner);
}

int duet_pool_alloc(duet_pool *pool, size_t len, duet_buf *buf)
{
	if (pool == NULL || buf == NULL)
		return duet__fail(DUET_EINVAL);
	if (pool->closing)
		return closed();
	if (pool->owner != getpid())
		return duet__failf(DUET_EFORKED, "the pool belongs to the process that opened it");
	if (len > pool->plan.options.max_payload)
		return duet__failf(DUET_E2BIG, "%zu bytes are over the pool's limit of %zu", len,
				   pool->plan.options.max_payload);
	duet__block *b = duet__arena_alloc(pool->arena, len);
	if (b == NULL)
		return duet__failf(DUET_ENOMEM, "no room for %zu bytes of shared memory", len);
	unsigned char *data = duet__block_data(b);
	data[len] = 0;
	*buf = (duet_buf){.data = data, .len = len, .release = release_block, .owner = b};
	return 0;
}
