/* The life of workers.
 *
 * Happy path: the zygote is asked for a worker, says its pid, the worker says HELLO and READY and
 * is UP.  When it dies, what it had sent or left in its outbox is taken in first; then the call it
 * was at has lost its worker, the others are queued again, and another worker is asked for.
 *
 * Failure modes.  A job that runs too long, or was given up by its caller, dooms its worker: it is
 * killed by the zygote, and replaced without waiting for its end.  A worker that crashes before it
 * is READY counts against the restart budget: after three per place in a row, each after a longer
 * pause, and with no other worker left, the pool has failed and every call ends with DUET_EPOOL;
 * likewise when for ten seconds none could be forked, or each was killed before it was READY.
 * If the zygote dies its workers die with it; the spare, forked beside it, takes over.  A zygote that
 * does not fork when it is told to counts as dead, and is killed. */
#include "pool/pool_impl.h"

#include "loop/core/fail.h"
#include "pool/job_impl.h"
#include "pool/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEATHS_PER_PLACE = 3 };
static const duet_time BACKOFF = DUET_MS(50);
static const duet_time PATIENCE = DUET_S(10);
static const duet_time LEAST_LOOK = DUET_MS(1);

/* ---- beginnings ---- */

static int free_number(duet_pool *p)
{
	for (int number = 0;; number++) {
		bool taken = false;
		DUET__WORKERS_EACH (w, p)
			taken = taken || (w->number == number && duet__worker_is_live(w));
		if (!taken)
			return number;
	}
}

static duet__worker *worker_new(duet_pool *p)
{
	duet__worker *w = calloc(1, sizeof(*w));
	unsigned char *message = aligned_alloc(64, DUET__MESSAGE_MAX);
	if (w == NULL || message == NULL) {
		free(w);
		free(message);
		return NULL;
	}
	w->message = message;
	w->pool = p;
	w->epoch = ++p->epochs;
	w->number = free_number(p);
	w->output = -1;
	duet__hand_init(&w->hand, NULL);
	w->overdue.fire = duet__overdue_fire;
	w->farewell.fire = duet__overdue_farewell;
	duet__list_append(&p->workers, &w->node);
	return w;
}

void duet__supervisor_unwatch(duet__worker *w)
{
	duet__watch_close(w->watch);
	w->watch = NULL;
	duet__watch_close(w->output_watch);
	w->output_watch = NULL;
	if (w->pool->loop != NULL) {
		duet__timer_stop(w->pool->loop, &w->overdue);
		duet__timer_stop(w->pool->loop, &w->farewell);
	}
}

void duet__supervisor_free(duet__worker *w)
{
	duet__supervisor_unwatch(w);
	duet__list_remove(&w->node);
	duet__output_close(w);
	duet__channel_close(w->channel);
	duet__hand_fini(&w->hand);
	duet__memory_unref(w->memory);
	free(w->message);
	free(w);
}

int duet__supervisor_watch(duet__worker *w)
{
	duet_loop *loop = w->pool->loop;
	int fd = w->channel->transport->fd(w->channel);
	w->watch = duet__watch_open(loop, fd, duet__dispatch_readable, w);
	int r = w->watch != NULL ? duet__watch_set(w->watch, DUET__READ) : DUET_ENOMEM;
	if (r == 0)
		r = duet__output_watch(w);
	if (r == 0)
		r = duet__overdue_watch_boot(w);
	if (r == 0)
		r = duet__overdue_watch(w);
	return r;
}

static int order_spawn(duet__worker *w)
{
	duet_pool *p = w->pool;
	char name[32];
	duet__order o = {.kind = DUET__ORDER_SPAWN,
			 .epoch = w->epoch,
			 .number = w->number,
			 .memory_fd = w->memory->fd,
			 .output_fd = -1};
	snprintf(name, sizeof(name), "%d.%u", w->number, w->epoch);
	int r = p->plan.transport->open(p->plan.directory, name, &w->channel, &o.offer);
	if (r < 0)
		return r;
	r = duet__output_open(w, &o.output_fd);
	if (r == 0)
		r = duet__zygote_order(&p->zygote, &o);
	if (o.offer.fd >= 0)
		close(o.offer.fd);
	if (o.output_fd >= 0)
		close(o.output_fd);
	return r;
}

static int spawn(duet_pool *p)
{
	duet__worker *w = worker_new(p);
	if (w == NULL)
		return DUET_ENOMEM;
	int r = duet__memory_open(p->plan.replies_size, &w->memory);
	if (r == 0) {
		w->hand.claims = w->memory->board->claim;
		w->hand.running = &w->memory->board->running;
		r = order_spawn(w);
	}
	if (r == 0 && p->loop != NULL)
		r = duet__supervisor_watch(w);
	if (r < 0)
		duet__supervisor_free(w); /* if it was forked, it leaves when its channel closes */
	return r;
}

/* ---- the restart budget ---- */

static int live(duet_pool *p)
{
	int n = 0;
	DUET__WORKERS_EACH (w, p)
		n += duet__worker_is_live(w);
	return n;
}

/* Workers that are still booting do not count: they may all be about to fail as well. */
static bool any_up(duet_pool *p)
{
	DUET__WORKERS_EACH (w, p)
		if (w->state == DUET__WORKER_UP)
			return true;
	return false;
}

static void fail(duet_pool *p, const char *why)
{
	p->failed = true;
	snprintf(p->why_failed, sizeof(p->why_failed), "no worker can be started: %s", why);
	duet__dispatch_fail_all(p, DUET_EPOOL, p->why_failed);
}

/* A crash before READY will happen again; a kill from outside, or a fork that failed, may not:
 * those are given PATIENCE. */
static void count_boot_death(duet_pool *p, const char *why, bool crashed)
{
	duet_time now = duet_now();
	p->boot_deaths++;
	p->boot_crashes += crashed;
	if (p->boot_trouble == 0 || any_up(p))
		p->boot_trouble = now;
	int rounds = (p->boot_deaths - 1) / p->target; /* the first is tried again at once */
	if (rounds > 0)
		p->backoff_end = now + (BACKOFF << (rounds < 6 ? rounds - 1 : 5));
	if (!any_up(p) &&
	    (p->boot_crashes >= DEATHS_PER_PLACE * p->target || now - p->boot_trouble > PATIENCE))
		fail(p, why);
}

static void count_failed_spawn(duet_pool *p, int error)
{
	p->boot_error = error;
	count_boot_death(p, duet_strerror(error), false);
}

void duet__supervisor_forgive(duet_pool *p)
{
	p->boot_deaths = p->boot_crashes = 0;
	p->boot_trouble = p->backoff_end = 0;
}

void duet__supervisor_fill(duet_pool *p)
{
	while (!p->failed && !p->ending && live(p) < p->target) {
		duet_time wait = p->backoff_end - duet_now();
		if (wait > 0) {
			if (p->loop != NULL)
				duet__timer_start(p->loop, &p->respawn, wait);
			return;
		}
		int r = spawn(p);
		if (r < 0)
			count_failed_spawn(p, r);
	}
}

void duet__supervisor_respawn(void *timer)
{
	duet__supervisor_fill(duet__container_of(timer, duet_pool, respawn));
}

void duet__supervisor_ready(duet__worker *w)
{
	duet_pool *p = w->pool;
	if (w->state != DUET__WORKER_STARTING)
		return;
	w->state = DUET__WORKER_UP;
	w->booted = true;
	w->first_since = duet_now();
	duet__supervisor_forgive(p);
	if (p->loop != NULL)
		duet__timer_stop(p->loop, &w->overdue);
	duet__dispatch_soon(p);
}

/* ---- as many as are needed ---- */

static bool any_starting(duet_pool *p)
{
	DUET__WORKERS_EACH (w, p)
		if (w->state == DUET__WORKER_STARTING)
			return true;
	return false;
}

static void look_for_idle(duet_pool *p)
{
	duet_time half = p->plan.options.idle_timeout / 2;
	duet__timer_start(p->loop, &p->shrink, half > LEAST_LOOK ? half : LEAST_LOOK);
}

/* One at a time: when it is up, it may be enough. */
void duet__supervisor_grow(duet_pool *p)
{
	if (p->target >= p->most || any_starting(p))
		return;
	p->target++;
	duet__supervisor_fill(p);
	if (!duet__timer_is_started(&p->shrink))
		look_for_idle(p);
}

void duet__supervisor_shrink(void *timer)
{
	duet_pool *p = duet__container_of(timer, duet_pool, shrink);
	duet_time now = duet_now(), idle = p->plan.options.idle_timeout;
	DUET__WORKERS_EACH (w, p)
		if (p->target > p->least && w->state == DUET__WORKER_UP && w->hand.count == 0 &&
		    now - w->first_since >= idle)
			duet__supervisor_retire(w, false);
	if (p->target > p->least)
		look_for_idle(p);
}

/* ---- given up ---- */

void duet__supervisor_take_back(duet__worker *w)
{
	duet_time now = duet_now();
	for (duet__list *node = w->hand.order.prev, *prev; node != &w->hand.order; node = prev) {
		prev = node->prev;
		duet__ledger_take_back(&w->pool->ledger, duet__call_of(node), now);
	}
}

/* It gets no more jobs, and those that it has not begun move on. */
static void write_off(duet__worker *w)
{
	duet_pool *p = w->pool;
	if (w->state != DUET__WORKER_RETIRING)
		p->stats.restarts++;
	w->state = DUET__WORKER_DOOMED;
	duet__supervisor_take_back(w);
	if (p->loop != NULL)
		duet__timer_stop(p->loop, &w->overdue);
	duet__dispatch_soon(p);
}

void duet__supervisor_kill(duet__worker *w, const char *why)
{
	w->doom = why;
	duet__zygote_order(&w->pool->zygote,
			   &(duet__order){.kind = DUET__ORDER_KILL, .epoch = w->epoch});
}

void duet__supervisor_doom(duet__worker *w, const char *why)
{
	if (w->state == DUET__WORKER_DOOMED)
		return;
	write_off(w);
	duet__supervisor_kill(w, why);
	duet__supervisor_fill(w->pool);
}

/* Mostly it has died, and the news of how is not far: a kill from us would blur that. */
void duet__supervisor_gone(duet__worker *w)
{
	if (w->state == DUET__WORKER_DOOMED)
		return;
	write_off(w);
	if (duet__overdue_watch(w) < 0)
		duet__overdue_farewell(&w->farewell);
	if (w->booted)
		duet__supervisor_fill(w->pool);
}

void duet__supervisor_retire(duet__worker *w, bool replace)
{
	if (!duet__dispatch_stop(w))
		return;
	w->state = DUET__WORKER_RETIRING;
	w->pool->stats.recycled += replace;
	w->pool->target -= !replace;
	duet__overdue_mind(w);
	duet__supervisor_fill(w->pool);
}

/* ---- ends ---- */

static void lose(duet__worker *w, duet__call *call, const char *how)
{
	duet_pool *p = w->pool;
	char words[384];

	duet__pool_trace(w, call, DUET_FOREVER, call->expired ? DUET_ETIMEDOUT : DUET_EWORKER);
	if (call->expired) {
		duet__overdue_finish(p, call);
		return;
	}
	if (++call->deaths <= call->retries && !p->ending) {
		p->stats.retried++;
		duet__ledger_submit(&p->ledger, call, duet_now(), true);
		return;
	}
	int n = snprintf(words, sizeof(words), "job \"%.64s\": %s", duet__job_name(call->job), how);
	if (call->deaths > 1)
		snprintf(words + n, sizeof(words) - (size_t)n, ", the last of %d deaths under it",
			 call->deaths);
	duet__call_finish(p, call, DUET_EWORKER, words);
}

/* `how` it ended is known; takes in all it left behind. */
static void bury(duet__worker *w, const char *how)
{
	duet_pool *p = w->pool;
	duet__list lost;
	duet__list_init(&lost);
	duet__dispatch_drain(w);
	duet__dispatch_harvest(w);
	duet__ledger_lost(&p->ledger, &w->hand, duet_now(), &lost);
	if (duet__worker_is_live(w))
		p->stats.restarts++;
	if (w->state != DUET__WORKER_RETIRING)
		duet__report(&(duet_report){.kind = DUET_REPORT_WORKER, .text = how});
	DUET__LIST_EACH (node, &lost) {
		duet__list_remove(node);
		lose(w, duet__call_of(node), how);
	}
	duet__supervisor_free(w);
}

static duet__worker *find(duet_pool *p, uint32_t epoch)
{
	DUET__WORKERS_EACH (w, p)
		if (w->epoch == epoch)
			return w;
	return NULL;
}

/* Why it never became READY, where it could say so. */
static const char *reason_of(int status)
{
	if (!WIFEXITED(status))
		return "";
	switch (WEXITSTATUS(status)) {
	case DUET__EXIT_START:
		return " (on_worker_start failed)";
	case DUET__EXIT_SANDBOX:
		return " (this kernel cannot set up the sandbox)";
	}
	return "";
}

static void on_exit_of(duet__worker *w, pid_t pid, int status)
{
	duet_pool *p = w->pool;
	char how[256];
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	if (killed && w->doom != NULL)
		snprintf(how, sizeof(how), "worker process %d was killed by us (SIGKILL): %s",
			 (int)pid, w->doom);
	else
		duet__describe_end(how, sizeof(how), pid, status);
	duet__dispatch_drain(w); /* its last words may be READY */
	bool booted = w->booted;
	if (!booted)
		strncat(how, reason_of(status), sizeof(how) - strlen(how) - 1);
	bury(w, how);
	if (!booted)
		count_boot_death(p, how, !killed);
}

static void on_fork_failure(duet__worker *w, int error)
{
	duet_pool *p = w->pool;
	duet__supervisor_free(w);
	count_failed_spawn(p, error);
}

static void on_news(duet_pool *p, const duet__news *news)
{
	duet__worker *w = find(p, news->epoch);
	if (w == NULL)
		return;
	if (news->kind == DUET__NEWS_SPAWNED)
		w->pid = news->pid;
	else if (news->kind == DUET__NEWS_EXITED)
		on_exit_of(w, news->pid, news->status);
	else
		on_fork_failure(w, news->status);
}

static void on_zygote_event(void *pool, int events)
{
	(void)events;
	duet__supervisor_listen(pool);
}

static int watch_to_read(duet_pool *p, int fd, duet__watch **watch)
{
	if (fd < 0)
		return 0;
	*watch = duet__watch_open(p->loop, fd, on_zygote_event, p);
	return *watch != NULL ? duet__watch_set(*watch, DUET__READ) : DUET_ENOMEM;
}

int duet__supervisor_watch_zygote(duet_pool *p)
{
	int r = watch_to_read(p, p->zygote.control, &p->news);
	return r < 0 ? r : watch_to_read(p, p->zygote.ended, &p->end);
}

void duet__supervisor_unwatch_zygote(duet_pool *p)
{
	duet__watch_close(p->news);
	duet__watch_close(p->end);
	p->news = p->end = NULL;
}

static void bury_with_zygote(duet__worker *w)
{
	char how[128];
	snprintf(how, sizeof(how),
		 "worker process %d was killed by SIGKILL: the zygote that had forked it has ended",
		 (int)w->pid);
	bury(w, how);
}

/* Its workers die with it: the kernel sees to that, and claims keep one that is still running from
 * beginning a job that moves on. */
static void on_zygote_death(duet_pool *p)
{
	const uint32_t last = p->epochs;
	duet__supervisor_unwatch_zygote(p);
	duet__zygote_stop(&p->zygote);
	p->zygote = p->spare;
	p->spare = DUET__ZYGOTE_NONE;
	DUET__WORKERS_EACH (w, p)
		if (w->epoch <= last) /* others are the spare's, forked meanwhile */
			bury_with_zygote(w);
	if (p->zygote.pid == 0 || (p->loop != NULL && duet__supervisor_watch_zygote(p) < 0))
		fail(p, "the processes that fork the workers are gone");
}

void duet__supervisor_listen(duet_pool *p)
{
	bool has_ended = duet__zygote_has_ended(&p->zygote); /* its last news come before */
	duet__news news;
	int r;
	while ((r = duet__zygote_news(&p->zygote, &news)) > 0)
		on_news(p, &news);
	if ((has_ended || r < 0) && !p->failed && !p->ending)
		on_zygote_death(p);
	duet__supervisor_fill(p);
	if (p->failed)
		duet__dispatch_fail_all(p, DUET_EPOOL, p->why_failed);
	duet__dispatch_soon(p);
}
