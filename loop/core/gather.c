/* gather, settle and race: calls that take their tasks, join every one and free them. */
#include <duet/collect.h>

#include "loop/core/fail.h"
#include "loop/core/loop_impl.h"
#include "loop/core/words.h"

enum policy { GATHER, SETTLE, RACE };

struct collection {
	duet__taker taker;
	duet__waiter waiter;
	duet_task **tasks;
	size_t n;
	size_t pending;
	enum policy policy;
	bool cancelling;     /* what fails from now on fails because of us */
	duet_task *decisive; /* gather: the first failure; race: the winner */
	bool missing;        /* a NULL task was the decisive one           */
};

static void cancel_all(struct collection *c)
{
	c->cancelling = true;
	for (size_t i = 0; i < c->n; i++)
		if (c->tasks[i] != NULL)
			duet__task_cancel(c->tasks[i]);
}

/* A task (NULL: one that could not be spawned) has ended. */
static void judge(struct collection *c, duet_task *t, int result)
{
	bool decides = c->policy == RACE || (c->policy == GATHER && result < 0);

	if (c->cancelling || !decides)
		return;
	c->decisive = t;
	c->missing = t == NULL;
	cancel_all(c);
}

static void on_ended(duet__taker *taker, duet_task *t)
{
	struct collection *c = duet__container_of(taker, struct collection, taker);

	judge(c, t, t->result);
	if (--c->pending == 0)
		duet__wake(&c->waiter, 0);
}

/* -> 0, or why these tasks cannot be taken: then none is */
static int take(struct collection *c)
{
	for (size_t i = 0; i < c->n; i++) {
		duet_task *t = c->tasks[i];
		int r = 0;

		if (t == NULL)
			continue;
		if (t == duet__current)
			r = duet__failf(DUET_EDEADLK, "task %zu is the caller itself", i);
		else if (t->taker != NULL || t->detached)
			r = duet__failf(DUET_EINVAL, "task %zu already belongs to somebody", i);
		if (r < 0) {
			while (i-- > 0)
				if (c->tasks[i] != NULL)
					c->tasks[i]->taker = NULL;
			return r;
		}
		t->taker = &c->taker;
	}
	return 0;
}

/* Those that ended before the call are judged in the order in which they ended. */
static void judge_ended(struct collection *c)
{
	duet_task *first = NULL;
	bool missing = false;

	for (size_t i = 0; i < c->n; i++) {
		duet_task *t = c->tasks[i];

		if (t == NULL) {
			missing = true;
		} else if (t->state != DUET__TASK_DONE) {
			c->pending++;
		} else if ((c->policy == RACE || t->result < 0) &&
			   (first == NULL || t->ended_as < first->ended_as)) {
			first = t;
		}
	}
	if (first != NULL)
		judge(c, first, first->result);
	else if (missing)
		judge(c, NULL, DUET_ENOMEM);
}

/* -> 0, DUET_ECANCELED, DUET_EDEADLK (given up) */
static int join_all(struct collection *c)
{
	int r;

	if (c->pending == 0)
		return 0;
	r = duet__park(&c->waiter);
	if (r == 0)
		return 0;
	cancel_all(c);
	duet__park_shielded(&c->waiter);
	return c->waiter.done ? r : DUET_EDEADLK;
}

/* A deadlock is being broken up: the tasks live on, and the end of the run frees them. */
static void abandon(struct collection *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->tasks[i] != NULL)
			c->tasks[i]->taker = NULL;
}

static size_t release_all(struct collection *c, int results[])
{
	size_t failed = 0;

	for (size_t i = 0; i < c->n; i++) {
		duet_task *t = c->tasks[i];
		int result = t != NULL ? t->result : DUET_ENOMEM;

		failed += result < 0;
		if (results != NULL)
			results[i] = result;
		if (t != NULL)
			duet__task_free(t);
	}
	return failed;
}

static size_t index_of(const struct collection *c, const duet_task *t)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->tasks[i] == t)
			return i;
	return c->n;
}

static int decide(struct collection *c, size_t *winner)
{
	int result;

	if (c->decisive == NULL && !c->missing)
		return 0;
	if (winner != NULL)
		*winner = index_of(c, c->decisive);
	if (c->missing)
		return duet__failf(DUET_ENOMEM, "a task could not be spawned");
	result = c->decisive->result;
	if (result < 0)
		duet__words_pass(c->decisive);
	return result;
}

/* Joins and frees all.  -> 0, DUET_ECANCELED, or why nothing was taken */
static int collect(enum policy policy, duet_task *tasks[], size_t n, int results[], size_t *winner,
		   size_t *failed)
{
	struct collection c = {.taker.ended = on_ended,
			       .waiter = DUET__WAITER_(c.waiter, "tasks", false),
			       .tasks = tasks,
			       .n = n,
			       .policy = policy};
	int r = duet__enter_shielded(), decision;

	if (r < 0)
		return r;
	if (tasks == NULL && n > 0)
		return duet__failf(DUET_EINVAL, "no tasks: the array is NULL");
	if ((r = take(&c)) < 0)
		return r;
	judge_ended(&c);
	r = join_all(&c);
	if (r == DUET_EDEADLK) {
		abandon(&c);
		return duet__fail(DUET_ECANCELED);
	}
	decision = decide(&c, winner);
	*failed = release_all(&c, results);
	return r < 0 ? duet__fail(r) : decision;
}

int duet_gather(duet_task *tasks[], size_t n, int results[])
{
	size_t failed;

	return collect(GATHER, tasks, n, results, NULL, &failed);
}

int duet_settle(duet_task *tasks[], size_t n, int results[])
{
	size_t failed;
	int r = collect(SETTLE, tasks, n, results, NULL, &failed);

	return r < 0 ? r : (int)failed;
}

int duet_race(duet_task *tasks[], size_t n, size_t *winner)
{
	size_t failed;

	if (n == 0)
		return duet__failf(DUET_EINVAL, "a race needs at least one task");
	return collect(RACE, tasks, n, NULL, winner, &failed);
}
