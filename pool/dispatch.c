/* Calls out, answers in.
 *
 * Happy path: calls that were made in a turn of the loop are queued; at its end the hook hands
 * them out and each worker gets one message.  Its answers come in one message too, and free room
 * for the next.
 *
 * How many jobs a worker may hold follows from how long they run: about BATCH_TIME of work, twice
 * over, so that it never waits for us; of jobs that run longer than that, two: one running, one
 * behind it.  Idle workers are served first, and an idle worker with nothing to do takes a job
 * back that waits behind another's.
 *
 * What a worker sends is copied before it is looked at, and believed only as far as the ledger
 * confirms it.  A frame that makes no sense dooms the worker. */
#include "pool/pool_impl.h"

#include "ipc/outbox.h"
#include "pool/job_impl.h"

#include <duet/error.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MOST = DUET__TICKETS / 2, MESSAGES_PER_TURN = 8, MESSAGES_HELD = 2048 };
static const duet_time BATCH_TIME = DUET_US(200);
static const duet_time TICK = DUET_MS(2);
static const duet_time STUCK = DUET_US(500);
static const duet_time BRIEF = DUET_US(20), ON_THE_WAY = DUET_US(30);

/* ---- out ---- */

static size_t batch_of(const duet_pool *p, unsigned job)
{
	duet_time expected = p->expected[job];
	if (expected == 0)
		return 1; /* never seen: assume the worst */
	duet_time n = BATCH_TIME / expected;
	return n < 1 ? 1 : n > BATCH_MOST ? BATCH_MOST : (size_t)n;
}

static bool may_take(const duet__worker *w, size_t most)
{
	const uint64_t quota = w->pool->plan.options.max_jobs_per_worker;
	return w->state == DUET__WORKER_UP && !w->blocked && !w->gone && w->hand.count < most &&
	       w->hand.taken < DUET__TICKETS && (quota == 0 || w->given < quota) &&
	       !duet__worker_is_at_given_up(w);
}

static duet__worker *least_loaded(duet_pool *p, size_t most)
{
	duet__worker *best = NULL;
	DUET__WORKERS_EACH (w, p)
		if (may_take(w, most) && (best == NULL || w->hand.count < best->hand.count))
			best = w;
	return best;
}

void duet__dispatch_send(duet__worker *w)
{
	if (w->message_len == 0)
		return;
	int r = duet__channel_send(w->channel, w->message, w->message_len);
	w->blocked = r == -EAGAIN || r == -ENOMEM || r == -ENOBUFS;
	w->gone = r < 0 && !w->blocked;
	if (!w->blocked)
		w->message_len = 0;
}

static bool append_frame(duet__worker *w, const duet__frame *f)
{
	size_t n =
		duet__frame_put(w->message + w->message_len, DUET__MESSAGE_MAX - w->message_len, f);
	if (n == 0) {
		duet__dispatch_send(w);
		if (w->message_len > 0)
			return false;
		n = duet__frame_put(w->message, DUET__MESSAGE_MAX, f);
	}
	w->message_len += n;
	return true;
}

bool duet__dispatch_stop(duet__worker *w)
{
	duet__frame f = {.type = DUET__FRAME_STOP, .epoch = w->epoch};
	if (w->message_len > 0 || !append_frame(w, &f))
		return false;
	duet__dispatch_send(w);
	return true;
}

/* Long input goes to shared memory, unless it is there already.  -> false: no room now */
static bool place(duet_pool *p, duet__call *call)
{
	if (call->in.len <= DUET__FRAME_INLINE_MAX || call->block != NULL ||
	    duet__arena_has(p->arena, call->in))
		return true;
	call->block = duet__arena_alloc(p->arena, call->in.len);
	if (call->block == NULL)
		return false;
	unsigned char *to = duet__block_data(call->block);
	memcpy(to, call->in.data, call->in.len);
	to[call->in.len] = 0;
	return true;
}

static duet__frame frame_for(const duet__worker *w, const duet__call *call)
{
	const duet__arena *a = w->pool->arena;
	duet__frame f = {.type = DUET__FRAME_JOB,
			 .ticket = call->ticket,
			 .job = call->id,
			 .epoch = w->epoch,
			 .code = call->job};
	if (call->block == NULL && !duet__arena_has(a, call->in)) {
		f.data = call->in.data;
		f.size = (uint32_t)call->in.len;
	} else {
		f.flags = DUET__FRAME_SHARED;
		f.offset = call->block != NULL
				   ? call->block->offset
				   : (size_t)((const unsigned char *)call->in.data - a->base);
		f.length = call->in.len;
	}
	return f;
}

/* A call that shared memory has no room for waits for others to end; if there are none, it is
 * refused. */
static bool refuse_if_hopeless(duet_pool *p, duet__call *call)
{
	if (p->ledger.held > 0)
		return false;
	duet__ledger_drop(&p->ledger, call);
	duet__call_finish(p, call, DUET_ENOMEM, "no shared memory is left for the job's input");
	return true;
}

static bool hand_out(duet__worker *w, duet__call *call)
{
	duet_pool *p = w->pool;
	if (!duet__ledger_hand(&p->ledger, &w->hand, call))
		return false;
	duet__frame f = frame_for(w, call);
	if (!append_frame(w, &f)) {
		duet__ledger_take_back(&p->ledger, call, duet_now());
		duet__ledger_answer(&p->ledger, &w->hand, f.ticket, f.job,
				    &call); /* it never left */
		return false;
	}
	call->handed = p->turn;
	w->given++;
	p->stats.wait_time += p->turn - call->queued;
	duet__histogram_add(&p->waited, p->turn - call->queued);
	return true;
}

/* Up to n calls of one kind to one worker -> whether any went. */
static bool hand_out_some(duet_pool *p, duet__worker *w, size_t n, duet_time now)
{
	duet__call *call;
	bool any = false;
	for (; n > 0 && (call = duet__ledger_next(&p->ledger, now)) != NULL; n--) {
		if (!may_take(w, 2 * batch_of(p, call->job)))
			break;
		if (!place(p, call)) {
			if (refuse_if_hopeless(p, call))
				return true;
			break;
		}
		if (!hand_out(w, call))
			break;
		any = true;
	}
	return any;
}

static size_t live_workers(duet_pool *p)
{
	size_t n = 0;
	DUET__WORKERS_EACH (w, p)
		n += duet__worker_is_live(w);
	return n;
}

static void hand_out_all(duet_pool *p, duet_time now)
{
	size_t live = live_workers(p);
	duet__call *call;
	while (live > 0 && (call = duet__ledger_next(&p->ledger, now)) != NULL) {
		size_t batch = batch_of(p, call->job), share = p->ledger.queued / (2 * live) + 1;
		duet__worker *w = least_loaded(p, 2 * batch);
		size_t n = share < batch ? share : batch;
		if (w == NULL || !hand_out_some(p, w, n, now))
			break;
	}
}

static bool has_had_enough(const duet__worker *w)
{
	const uint64_t quota = w->pool->plan.options.max_jobs_per_worker;
	return quota > 0 && w->given >= quota;
}

static void send_all(duet_pool *p)
{
	DUET__WORKERS_EACH (w, p) {
		duet__dispatch_send(w);
		if (w->gone)
			duet__supervisor_gone(w);
		duet__overdue_mind(w);
		if (w->state == DUET__WORKER_UP && (w->tired || has_had_enough(w)))
			duet__supervisor_retire(w, true);
	}
}

/* A worker without a job takes one back that waits behind a long one. */
static bool steal(duet_pool *p, duet_time now)
{
	duet__worker *from = NULL;
	if (p->ledger.queued > 0 || least_loaded(p, 1) == NULL)
		return false;
	DUET__WORKERS_EACH (w, p)
		if (w->hand.count > 1 && now - w->first_since > STUCK &&
		    (from == NULL || w->hand.count > from->hand.count))
			from = w;
	return from != NULL &&
	       duet__ledger_take_back(&p->ledger, duet__call_of(from->hand.order.prev), now);
}

/* A call has waited behind another for long, and nobody can take it over. */
static bool is_stuck(duet_pool *p, duet_time now)
{
	DUET__WORKERS_EACH (w, p)
		if (w->hand.count > 1 && now - w->first_since > STUCK)
			return true;
	return false;
}

static void wake_for_space(duet_pool *p)
{
	size_t most = p->plan.options.max_queue;
	for (size_t free = most > p->ledger.queued ? most - p->ledger.queued : 0; free > 0; free--)
		if (!duet__wake_first(&p->space, 0))
			return;
}

static bool must_look_again(duet_pool *p)
{
	DUET__WORKERS_EACH (w, p)
		if (w->hand.count > 1 || w->blocked)
			return true;
	return false;
}

/* Nobody will run what is queued; maps go on to submit all the same. */
static void refuse_all(duet_pool *p)
{
	if (p->ending)
		duet__dispatch_fail_all(p, DUET_ECLOSED, DUET__TURNED_OUT);
	else if (p->failed)
		duet__dispatch_fail_all(p, DUET_EPOOL, p->why_failed);
}

/* Jobs of microseconds, for a worker that has no others: their results are worth waiting for. */
static void expect_results(duet_pool *p)
{
	DUET__WORKERS_EACH (w, p) {
		duet__call *call = duet__hand_first(&w->hand);
		if (call == NULL || call->handed != p->turn)
			continue;
		duet_time all = p->expected[call->job] * (duet_time)w->hand.count;
		if (all > 0 && all <= BRIEF)
			duet__watch_expect(p->loop, all + ON_THE_WAY);
	}
}

static void dispatch(duet_pool *p)
{
	duet_time now = p->turn = duet_now();
	refuse_all(p);
	do
		hand_out_all(p, now);
	while (steal(p, now));
	if (p->ledger.queued > 0 || is_stuck(p, now))
		duet__supervisor_grow(p);
	send_all(p);
	if (p->plan.may_wait_awake)
		expect_results(p);
	wake_for_space(p);
	if (!duet__timer_is_started(&p->tick) && must_look_again(p))
		duet__timer_start(p->loop, &p->tick, TICK);
}

static void run_hook(duet__hook *hook)
{
	dispatch(duet__container_of(hook, duet_pool, hook));
}

void duet__dispatch_init(duet_pool *p)
{
	duet__hook_init(&p->hook, run_hook);
}

void duet__dispatch_soon(duet_pool *p)
{
	if (p->loop != NULL)
		duet__hook_arm(p->loop, &p->hook);
}

/* ---- in ---- */

/* Quick to learn that a job is slow, slow to learn that it is quick; one that was merely
 * interrupted by the system says little. */
static void learn(duet_pool *p, unsigned job, duet_time took)
{
	duet_time *e = &p->expected[job];
	p->stats.run_time += took;
	duet__histogram_add(&p->ran, took);
	if (*e == 0)
		*e = took;
	else
		*e += took <= *e ? (took - *e) / 8 : (took < 4 * *e ? took - *e : 3 * *e) / 2;
}

/* A worker's word for how long a job ran, as far as that is possible. */
static duet_time time_told(const duet__call *call, uint64_t nanos)
{
	static const uint64_t brief = 1000000; /* not worth a look at the clock */
	if (nanos < brief)
		return (duet_time)nanos + 1;
	duet_time most = duet_now() - call->handed;
	return nanos < (uint64_t)most ? (duet_time)nanos + 1 : most + 1;
}

static int take_reply(duet__worker *w, const duet__frame *f, duet_buf *out)
{
	if ((f->flags & DUET__FRAME_SHARED) != 0 && f->length > w->pool->plan.options.max_payload)
		return DUET_EPROTO;
	if ((f->flags & DUET__FRAME_SHARED) != 0)
		return duet__memory_lend(w->memory, f->offset, f->length, f->slot, out);
	if (f->size > 0)
		return duet_buf_copy(out, f->data, f->size);
	*out = (duet_buf){0};
	return 0;
}

static void drop_reply(duet__worker *w, const duet__frame *f)
{
	if ((f->flags & DUET__FRAME_SHARED) != 0)
		duet__memory_return(w->memory, f->slot);
}

static void fail_with_words(duet_pool *p, duet__call *call, const duet__frame *f)
{
	char words[DUET__WORDS_SIZE];
	size_t n = f->size < sizeof(words) ? f->size : sizeof(words) - 1;
	memcpy(words, f->data, n);
	words[n] = 0;
	duet__call_finish(p, call, f->code, n > 0 ? words : NULL);
}

static bool on_result(duet__worker *w, const duet__frame *f)
{
	duet_pool *p = w->pool;
	duet__call *call;
	if (!duet__ledger_answer(&p->ledger, &w->hand, f->ticket, f->job, &call))
		return true;
	if (call == NULL) {
		drop_reply(w, f);
		return true;
	}
	duet_time took = time_told(call, f->nanos);
	learn(p, call->job, took);
	duet__pool_trace(w, call, took, call->expired ? DUET_ETIMEDOUT : f->code);
	if (call->expired) {
		drop_reply(w, f);
		duet__overdue_finish(p, call);
		return true;
	}
	if (f->code < 0) {
		fail_with_words(p, call, f);
		return true;
	}
	int r = take_reply(w, f, &call->out);
	duet__call_finish(p, call, r < 0 ? r : f->code, NULL);
	return r != DUET_EPROTO;
}

static void on_progress(duet__worker *w, const duet__frame *f)
{
	duet__call *call = duet__hand_find(&w->hand, f->ticket, f->job);
	double fraction;
	memcpy(&fraction, &f->nanos, sizeof(fraction));
	if (call == NULL || call->on_progress == NULL || !(fraction >= 0))
		return;
	call->on_progress(call->context, fraction > 1 ? 1 : fraction);
}

static bool is_token(const duet__plan *plan, const duet__frame *f)
{
	if (f->size != DUET__TOKEN_SIZE)
		return false;
	unsigned char differ = 0;
	for (size_t i = 0; i < DUET__TOKEN_SIZE; i++)
		differ |= plan->token[i] ^ ((const unsigned char *)f->data)[i];
	return differ == 0;
}

static bool on_hello(duet__worker *w, const duet__frame *f)
{
	pid_t peer = w->channel->transport->peer(w->channel);
	w->greeted = is_token(&w->pool->plan, f) && (peer == 0 || w->pid == 0 || peer == w->pid);
	return w->greeted;
}

/* Of a call that was not taken back it is a lie: that call stays in the hand until the death. */
static bool on_skipped(duet__worker *w, const duet__frame *f)
{
	duet__call *call;
	if (duet__hand_find(&w->hand, f->ticket, f->job) != NULL)
		return false;
	duet__ledger_answer(&w->pool->ledger, &w->hand, f->ticket, f->job, &call);
	return true;
}

static bool on_frame(duet__worker *w, const duet__frame *f)
{
	if (f->epoch != w->epoch || (!w->greeted && f->type != DUET__FRAME_HELLO))
		return false;
	switch (f->type) {
	case DUET__FRAME_HELLO:
		return on_hello(w, f);
	case DUET__FRAME_READY:
		duet__supervisor_ready(w);
		return true;
	case DUET__FRAME_RESULT:
		return on_result(w, f);
	case DUET__FRAME_SKIPPED:
		return on_skipped(w, f);
	case DUET__FRAME_TIRED:
		w->tired = true;
		return true;
	case DUET__FRAME_PROGRESS:
		on_progress(w, f);
		return true;
	default:
		return false;
	}
}

static void digest(duet__worker *w, const unsigned char *message, size_t len)
{
	duet__frame f;
	for (size_t at = 0; at < len;) {
		ssize_t n = duet__frame_get(message + at, len - at, &f);
		if (n < 0 || !on_frame(w, &f)) {
			duet__supervisor_doom(w, "it broke the protocol");
			return;
		}
		at += (size_t)n;
	}
}

/* -> 0 while there may be more */
static int receive(duet__worker *w)
{
	unsigned char *message = w->pool->received;
	ssize_t n = duet__channel_recv(w->channel, message, DUET__MESSAGE_MAX, false);
	if (n < 0)
		return (int)n;
	w->blocked = false;
	duet__output_read(w); /* printed before its job's result was sent */
	digest(w, message, (size_t)n);
	return 0;
}

void duet__dispatch_readable(void *context, int events)
{
	duet__worker *w = context;
	(void)events;
	int r = 0;
	for (int i = 0; i < MESSAGES_PER_TURN && r == 0; i++)
		r = receive(w);
	if (r == -EMSGSIZE) {
		duet__supervisor_doom(w, "it broke the protocol");
	} else if (r < 0 && r != -EAGAIN) { /* the end of it: its exit is not far, or overdue */
		duet__watch_set(w->watch, 0);
		duet__supervisor_gone(w);
	}
	duet__overdue_mind(w);
	duet__dispatch_soon(w->pool);
}

/* No more than the channel can hold: somebody it has forked may go on writing. */
void duet__dispatch_drain(duet__worker *w)
{
	for (int i = 0; i < MESSAGES_HELD && receive(w) == 0; i++)
		;
}

static void harvest(duet__worker *w, unsigned which)
{
	size_t len = duet__outbox_peek(w->memory->board, which, w->pool->received);
	if (len > 0)
		digest(w, w->pool->received, len);
}

void duet__dispatch_harvest(duet__worker *w)
{
	unsigned current = atomic_load(&w->memory->board->current) & 1;
	harvest(w, !current);
	harvest(w, current);
}

void duet__dispatch_gather(duet__worker *w)
{
	duet__dispatch_drain(w);
	duet__dispatch_harvest(w);
}

/* Results that wait in an outbox behind a long job are fetched, and jobs behind it move on. */
void duet__dispatch_tick(void *timer)
{
	duet_pool *p = duet__container_of(timer, duet_pool, tick);
	duet_time now = duet_now();
	DUET__WORKERS_EACH (w, p)
		if (w->hand.count > 1 && now - w->first_since > STUCK)
			harvest(w, atomic_load(&w->memory->board->current) & 1);
	duet__dispatch_soon(p);
}

void duet__dispatch_fail_all(duet_pool *p, int code, const char *words)
{
	duet__call *call;
	while ((call = duet__ledger_next(&p->ledger, 0)) != NULL) {
		duet__ledger_drop(&p->ledger, call);
		duet__call_finish(p, call, code, words);
	}
	duet__wake_all(&p->space, 0);
}
