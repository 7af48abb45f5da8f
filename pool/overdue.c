/* How long a worker may take: over a job, to begin one, to stop when it is asked to, to leave.
 *
 * A worker runs its jobs in order, so only its first call can be late.  That call's time counts
 * from when it became the first, as far as we know; before it is judged, whatever the worker has
 * answered is taken in.  Late, it is asked to stop if there is a grace, and then its worker killed.
 * A worker that does not even begin it hangs: the call moves on.
 *
 * A process that is to greet us is looked at every now and then, and it is the looks that count,
 * not the time: after a pause of the whole program (Ctrl-Z, a held loop) the greeting may be there,
 * unread.  One that only waits for a core is given ten times as many.  Once it has greeted us it is
 * in the start hook, which may take as long as it likes; but not if somebody has stopped it.
 *
 * One timer looks at the first call or the boot, another at what should end by itself: a job that
 * was given up, a process that has closed its channel, a stop hook. */
#include "pool/pool_impl.h"

#include "pool/job_impl.h"

#include <duet/error.h>
#include <stdio.h>

enum { LOOKS = 12, LOOKS_AT_THE_BUSY = 120 };
static const duet_time LOOK = DUET_MS(250);
static const duet_time UNBEGUN = DUET_S(2);
static const duet_time LINGER = DUET_MS(200);
static const duet_time LEAVING = DUET_S(10);

/* ---- a boot ---- */

/* As in /proc/PID/stat: R, at work or waiting for a core; T, stopped. */
static char state_of(pid_t pid)
{
	char path[64], state = '?';
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return '?';
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(f);
	return state;
}

static bool may_still_report(duet__worker *w, pid_t pid)
{
	char state = state_of(pid);
	if (w->greeted && state != 'T')
		w->looks = 0;
	return ++w->looks < LOOKS || (w->looks < LOOKS_AT_THE_BUSY && state == 'R');
}

/* Without a pid it was never forked: then it is the zygote that hangs. */
static void look_at_boot(duet__worker *w)
{
	duet__zygote *zygote = &w->pool->zygote;
	if (may_still_report(w, w->pid > 0 ? w->pid : zygote->pid))
		duet__timer_start(w->pool->loop, &w->overdue, LOOK);
	else if (w->pid == 0 && zygote->pid > 0)
		duet__zygote_kill(zygote);
	else
		duet__supervisor_doom(w, "it did not report");
}

int duet__overdue_watch_boot(duet__worker *w)
{
	return w->state != DUET__WORKER_STARTING
		       ? 0
		       : duet__timer_start(w->pool->loop, &w->overdue, LOOK);
}

/* ---- the first call ---- */

/* A call has nothing before it but one that was given up: otherwise a worker that does not begin
 * it hangs. */
static duet_time may_take(const duet__worker *w, const duet__call *call)
{
	bool begun = duet__worker_is_at_given_up(w) || duet__call_is_started(call);
	return !begun && UNBEGUN < call->timeout ? UNBEGUN : call->timeout;
}

static void ask_to_stop(duet__worker *w, unsigned ticket)
{
	atomic_fetch_or(&w->memory->board->claim[ticket], DUET__CLAIM_CANCEL);
}

void duet__overdue_finish(duet_pool *p, duet__call *call)
{
	char words[192];
	snprintf(words, sizeof(words), "job \"%.64s\" ran longer than its %.3f s",
		 duet__job_name(call->job), (double)call->timeout / 1e9);
	duet__call_finish(p, call, DUET_ETIMEDOUT, words);
}

static void expire(duet__worker *w, duet__call *call, bool begun)
{
	duet_pool *p = w->pool;
	if (duet__ledger_take_back(&p->ledger, call, duet_now())) {
		duet__supervisor_doom(w, "it did not begin a job in time");
		return;
	}
	if (!begun) { /* but now it has */
		w->first_since = duet_now();
		duet__overdue_mind(w);
		return;
	}
	duet__call_drop(p, call);
	duet__pool_trace(w, call, DUET_FOREVER, DUET_ETIMEDOUT);
	duet__overdue_finish(p, call);
	duet__supervisor_doom(w, "its job ran too long");
}

void duet__overdue_fire(void *timer)
{
	duet__worker *w = duet__container_of(timer, duet__worker, overdue);
	duet_time grace = w->pool->plan.options.grace;
	if (w->state == DUET__WORKER_STARTING) {
		look_at_boot(w);
		return;
	}
	duet__dispatch_gather(w); /* it may have ended in time, and we looked late */
	duet__call *call = duet__hand_first(&w->hand);
	if (call == NULL || w->state == DUET__WORKER_DOOMED)
		return;
	bool begun = duet__call_is_started(call);
	duet_time over = duet_now() - w->first_since - may_take(w, call);
	if (call->id != w->first_id || over < 0) {
		duet__overdue_mind(w);
	} else if (begun && grace > over) {
		call->expired = true;
		ask_to_stop(w, call->ticket);
		duet__timer_start(w->pool->loop, &w->overdue, grace - over);
	} else {
		expire(w, call, begun);
	}
}

/* ---- what should end by itself ---- */

int duet__overdue_watch(duet__worker *w)
{
	duet_pool *p = w->pool;
	duet_time left = DUET_FOREVER;
	if (w->state == DUET__WORKER_DOOMED)
		left = w->doom == NULL ? LINGER : DUET_FOREVER;
	else if (duet__worker_is_at_given_up(w))
		left = p->plan.options.grace;
	else if (w->state == DUET__WORKER_RETIRING && w->hand.count == 0)
		left = LEAVING;
	if (left == DUET_FOREVER)
		return 0;
	return p->loop != NULL ? duet__timer_start(p->loop, &w->farewell, left) : DUET_ECLOSED;
}

void duet__overdue_farewell(void *timer)
{
	duet__worker *w = duet__container_of(timer, duet__worker, farewell);
	if (w->state == DUET__WORKER_DOOMED)
		duet__supervisor_kill(w, "it closed its channel");
	else if (duet__worker_is_at_given_up(w))
		duet__supervisor_doom(w, "its job was cancelled");
	else if (w->leaving)
		duet__supervisor_doom(w, "it did not leave in time");
}

/* It has no job left, unless there are some to skip, and its stop hook is running. */
static void mind_leaving(duet__worker *w)
{
	if (w->leaving || w->state != DUET__WORKER_RETIRING || w->hand.count > 0 ||
	    duet__worker_is_at_given_up(w))
		return;
	w->leaving = true;
	duet__overdue_watch(w);
}

void duet__overdue_give_up(duet__worker *w, unsigned ticket)
{
	if (w->state == DUET__WORKER_DOOMED)
		return;
	ask_to_stop(w, ticket);
	w->given_up = ticket;
	w->given_up_id = w->hand.ids[ticket];
	duet__supervisor_take_back(w);
	if (w->pool->plan.options.grace <= 0 || duet__overdue_watch(w) < 0)
		duet__overdue_farewell(&w->farewell);
}

void duet__overdue_mind(duet__worker *w)
{
	duet_loop *loop = w->pool->loop;
	duet__call *call = duet__hand_first(&w->hand);
	mind_leaving(w);
	if (loop == NULL || w->state == DUET__WORKER_STARTING || w->state == DUET__WORKER_DOOMED)
		return;
	if (call == NULL) {
		if (w->first_id != 0)
			w->first_since = duet_now();
		w->first_id = 0;
		duet__timer_stop(loop, &w->overdue);
		return;
	}
	if (call->id != w->first_id) {
		w->first_id = call->id;
		w->first_since = duet_now();
	} else if (duet__timer_is_started(&w->overdue)) {
		return;
	}
	duet_time limit = may_take(w, call);
	if (limit == DUET_FOREVER)
		return;
	duet_time due = w->first_since + limit;
	if (!duet__timer_is_started(&w->overdue) || w->overdue.deadline > due)
		duet__timer_start(loop, &w->overdue, due - duet_now());
}
