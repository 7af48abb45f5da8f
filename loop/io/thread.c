/* Helper threads.  Each run has a crew of its own, which grows up to DUET_THREADS_MAX and ends with
 * the run: its idle threads are joined then, so that a program may fork again; one that is still
 * busy ends by itself.
 *
 *   task: enlist ──▶ [errands] ──▶ thread: run ──▶ mailbox ──▶ loop: deliver ──▶ wakes the task
 *
 * An errand belongs to its thread until it is posted, then to the loop.  A task that was cancelled
 * leaves its errand (waiter = NULL), and delivering it only frees it.  Errands that can no longer be
 * posted, because the run is over, are freed by the thread. */
#include <duet/thread.h>

#include "loop/core/fail.h"
#include "loop/core/list.h"
#include "loop/core/loop.h"
#include "loop/core/mailbox.h"
#include "loop/core/park.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORDS = 512, IDLE_SECONDS = 10 };

struct errand {
	duet__list node; /* in the crew's list */
	duet__letter letter;
	duet_fn *fn;
	void *arg;
	int result;
	duet__waiter *waiter; /* the loop's thread only; NULL: nobody waits any more */
	char words[WORDS];    /* of its failure, or empty */
};

struct helper {
	struct crew *crew;
	pthread_t thread;
	bool started; /* and not yet joined or detached */
	bool working; /* in somebody's function, for who knows how long */
};

struct crew {
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t called;
	duet__list errands;
	int waiting; /* errands in the list */
	int threads;
	int idle;
	bool closing;
	int references;  /* the run's, and one for each thread */
	duet_loop *loop; /* a forked child has another, and none of these threads */
	duet__mailbox *mailbox;
	struct helper helpers[DUET_THREADS_MAX];
	duet__attachment attachment;
};

/* Of the loop of this thread. */
static _Thread_local struct crew *current;

static void unref(struct crew *c)
{
	int left;

	pthread_mutex_lock(&c->lock);
	left = --c->references;
	pthread_mutex_unlock(&c->lock);
	if (left > 0)
		return;
	duet__mailbox_unref(c->mailbox);
	pthread_cond_destroy(&c->called);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void deliver(void *arg)
{
	struct errand *e = arg;

	if (e->waiter != NULL)
		duet__wake(e->waiter, 0); /* its task frees the errand */
	else
		free(e);
}

static void run_errand(struct errand *e)
{
	duet__fail(0); /* words left by an earlier errand are not this one's */
	e->result = e->fn(e->arg);
	if (e->result < 0 && duet__last_error() == e->result)
		snprintf(e->words, sizeof(e->words), "%s", duet_errmsg());
}

static void report_back(struct crew *c, struct errand *e)
{
	e->letter.fn = deliver;
	e->letter.arg = e;
	if (duet__mailbox_post_letter(c->mailbox, &e->letter) < 0)
		free(e);
}

/* The next errand, or NULL: the thread is to end.  With the lock held. */
static struct errand *next_errand(struct crew *c)
{
	duet__list *node;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	while ((node = duet__list_first(&c->errands)) == NULL && !c->closing) {
		int r;
		c->idle++;
		r = pthread_cond_timedwait(&c->called, &c->lock, &until);
		c->idle--;
		if (r == ETIMEDOUT && duet__list_is_empty(&c->errands))
			return NULL;
	}
	if (node == NULL)
		return NULL;
	duet__list_remove(node);
	c->waiting--;
	return duet__container_of(node, struct errand, node);
}

static void *helper_main(void *arg)
{
	struct helper *h = arg;
	struct crew *c = h->crew;
	struct errand *e;

	pthread_mutex_lock(&c->lock);
	while ((e = next_errand(c)) != NULL) {
		h->working = true;
		pthread_mutex_unlock(&c->lock);
		run_errand(e);
		pthread_mutex_lock(&c->lock);
		h->working = false;
		pthread_mutex_unlock(&c->lock);
		report_back(c, e);
		pthread_mutex_lock(&c->lock);
	}
	c->threads--;
	if (!c->closing) { /* it ends for want of work: nobody will join it */
		h->started = false;
		pthread_detach(h->thread);
	}
	pthread_mutex_unlock(&c->lock);
	unref(c);
	return NULL;
}

/* The program's signals are not for helper threads. */
static int start_blocked(struct helper *h)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&h->thread, NULL, helper_main, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

/* With the lock held. */
static int start_helper(struct crew *c)
{
	struct helper *h = c->helpers;
	int r;

	while (h->started)
		h++;
	h->crew = c;
	r = start_blocked(h);
	if (r < 0)
		return r;
	h->started = true;
	c->threads++;
	c->references++;
	return 0;
}

/* The run ends.  Threads end as soon as they have nothing to do, and are joined; those that work for
 * a task which did not wait are left to themselves. */
static void close_crew(duet__attachment *attachment)
{
	struct crew *c = duet__container_of(attachment, struct crew, attachment);
	bool abandoned[DUET_THREADS_MAX];

	current = NULL;
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	for (int i = 0; i < DUET_THREADS_MAX; i++)
		abandoned[i] = c->helpers[i].working || c->waiting > 0;
	pthread_cond_broadcast(&c->called);
	pthread_mutex_unlock(&c->lock);
	for (int i = 0; i < DUET_THREADS_MAX; i++) {
		if (c->helpers[i].started && abandoned[i])
			pthread_detach(c->helpers[i].thread);
		else if (c->helpers[i].started)
			pthread_join(c->helpers[i].thread, NULL);
	}
	unref(c);
}

static struct crew *crew_of_loop(void)
{
	struct crew *c = current;
	pthread_condattr_t monotonic;

	if (c != NULL && c->loop == duet__loop())
		return c;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&c->called, &monotonic);
	pthread_condattr_destroy(&monotonic);
	duet__list_init(&c->errands);
	c->references = 1;
	c->loop = duet__loop();
	c->mailbox = duet__mailbox_ref(duet__loop());
	c->attachment.closing = close_crew;
	duet__loop_attach(duet__loop(), &c->attachment);
	current = c;
	return c;
}

static int enlist(struct crew *c, struct errand *e)
{
	int r = 0;

	pthread_mutex_lock(&c->lock);
	if (c->waiting >= c->idle && c->threads < DUET_THREADS_MAX)
		r = start_helper(c);
	if (r == 0 || c->threads > 0) { /* a busy thread will come to it */
		duet__list_append(&c->errands, &e->node);
		c->waiting++;
		pthread_cond_signal(&c->called);
		r = 0;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

static int finish(struct errand *e)
{
	int result = e->result;

	if (result < 0 && e->words[0] != '\0')
		duet__failf(result, "%s", e->words);
	else if (result < 0)
		duet__fail(result);
	free(e);
	return result;
}

int duet_to_thread(duet_fn *fn, void *arg)
{
	DUET__WAITER_EXTERNAL(w, "a thread");
	struct crew *c;
	struct errand *e;
	int r = duet__enter();

	if (r < 0)
		return r;
	if (fn == NULL)
		return duet__failf(DUET_EINVAL, "no function to run");
	c = crew_of_loop();
	e = c != NULL ? calloc(1, sizeof(*e)) : NULL;
	if (e == NULL)
		return duet__fail(DUET_ENOMEM);
	e->fn = fn;
	e->arg = arg;
	e->waiter = &w;
	r = enlist(c, e);
	if (r < 0) {
		free(e);
		return duet__failf(r, "no helper thread can be started");
	}
	r = duet__park(&w);
	if (r == 0)
		return finish(e);
	e->waiter = NULL;
	return r;
}
