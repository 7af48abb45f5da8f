#include <duet/completed.h>

#include <stdlib.h>

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/task_impl.h"

struct entry {
	duet__observer observer;
	duet_completed *list;
	duet_task *task; /* not to be followed once it was given */
};

struct duet_completed {
	size_t n;             /* tasks in all                                                */
	size_t ended;         /* of them                                                     */
	size_t given;         /* of those                                                    */
	struct entry **order; /* the first `ended` of them, in the order in which they ended */
	duet__list waiters;
	struct entry entries[];
};

static void on_end(duet__observer *observer, duet_task *t)
{
	struct entry *e = duet__container_of(observer, struct entry, observer);

	(void)t;
	e->list->order[e->list->ended++] = e;
	duet__wake_first(&e->list->waiters, 0);
}

static uint64_t ended_as(const struct entry *e)
{
	return e->task != NULL ? e->task->ended_as : 0;
}

static int by_end(const void *a, const void *b)
{
	uint64_t x = ended_as(*(struct entry *const *)a), y = ended_as(*(struct entry *const *)b);

	return (x > y) - (x < y);
}

static duet_completed *list_new(size_t n)
{
	if (n > SIZE_MAX / 2 / sizeof(struct entry))
		return NULL;
	duet_completed *c = calloc(1, sizeof *c + n * sizeof(struct entry));
	if (c == NULL)
		return NULL;
	c->n = n;
	c->order = calloc(n + 1, sizeof(struct entry *));
	duet__list_init(&c->waiters);
	if (c->order != NULL)
		return c;
	free(c);
	return NULL;
}

duet_completed *duet_completed_open(duet_task *const tasks[], size_t n)
{
	if (duet__loop() == NULL)
		return duet__failf_null(DUET_EINVAL, "no run whose tasks could end");
	if (tasks == NULL && n > 0)
		return duet__failf_null(DUET_EINVAL, "no tasks: the array is NULL");
	duet_completed *c = list_new(n);
	if (c == NULL)
		return duet__fail_null(DUET_ENOMEM);
	for (size_t i = 0; i < n; i++) {
		struct entry *e = &c->entries[i];

		*e = (struct entry){.observer.ended = on_end, .list = c, .task = tasks[i]};
		duet__list_init(&e->observer.node);
		if (duet_done(tasks[i]))
			c->order[c->ended++] = e;
		else
			duet__list_append(&tasks[i]->observers, &e->observer.node);
	}
	qsort(c->order, c->ended, sizeof(struct entry *), by_end);
	return c;
}

int duet_completed_next(duet_completed *c, duet_task **task)
{
	if (c == NULL || task == NULL)
		return duet__failf(DUET_EINVAL, c == NULL ? "the list of tasks is NULL"
							  : "nowhere to put the task");
	int r = duet__enter();
	if (r < 0)
		return r;
	while (c->given == c->ended) {
		if (c->given == c->n)
			return 0;
		DUET__WAITER(w, "first task to end");
		duet__list_append(&c->waiters, &w.node);
		r = duet__park(&w);
		if (r < 0)
			return r;
	}
	*task = c->order[c->given++]->task;
	if (c->given == c->n)
		duet__wake_all(&c->waiters, 0);
	return 1;
}

void duet_completed_close(duet_completed *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++)
		duet__list_remove(&c->entries[i].observer.node);
	duet__wake_all(&c->waiters, DUET_ECLOSED);
	free(c->order);
	free(c);
}
