/* wait and wait_ok: calls that only look on. */
#include <duet/collect.h>

#include "loop/core/fail.h"
#include "loop/core/loop_impl.h"
#include <stdlib.h>

enum { FEW = 16 }; /* so many are watched without allocating */

struct vigil {
	duet__waiter waiter;
	duet__timer timer;
	size_t want;
	size_t good;     /* done, and counted */
	size_t possible; /* good ones, and those that may become so */
	bool only_ok;
};

struct look {
	duet__observer observer;
	struct vigil *vigil;
};

static bool is_over(const struct vigil *v)
{
	return v->good >= v->want || v->possible < v->want;
}

static void count(struct vigil *v, int result)
{
	if (!v->only_ok || result >= 0)
		v->good++;
	else
		v->possible--;
}

static void on_ended(duet__observer *observer, duet_task *t)
{
	struct vigil *v = duet__container_of(observer, struct look, observer)->vigil;

	count(v, t->result);
	if (is_over(v))
		duet__wake(&v->waiter, 0);
}

static void on_time(void *timer)
{
	duet__wake(&duet__container_of(timer, struct vigil, timer)->waiter, 0);
}

static int watch(struct vigil *v, struct look *looks, duet_task *const tasks[], size_t n,
		 duet_time timeout)
{
	duet_loop *loop = duet__current->loop;
	int r;

	for (size_t i = 0; i < n; i++) {
		looks[i].vigil = v;
		looks[i].observer.ended = on_ended;
		duet__list_init(&looks[i].observer.node);
		if (!duet_done(tasks[i]))
			duet__list_append(&tasks[i]->observers, &looks[i].observer.node);
	}
	r = duet__timer_start(loop, &v->timer, timeout);
	if (r == 0)
		r = duet__park(&v->waiter);
	duet__timer_stop(loop, &v->timer);
	for (size_t i = 0; i < n; i++)
		duet__list_remove(&looks[i].observer.node);
	return r < 0 ? duet__fail(r) : 0;
}

static int wait(duet_task *const tasks[], size_t n, size_t want, duet_time timeout, bool only_ok)
{
	struct look few[FEW], *looks = few;
	struct vigil v = {.waiter = DUET__WAITER_(v.waiter, "some of its tasks", false),
			  .timer.fire = on_time,
			  .timer.flags = DUET__TIMER_LATE,
			  .want = want < n ? want : n,
			  .possible = n,
			  .only_ok = only_ok};
	int r = duet__enter();

	if (r < 0)
		return r;
	if (tasks == NULL && n > 0)
		return duet__failf(DUET_EINVAL, "no tasks: the array is NULL");
	for (size_t i = 0; i < n; i++)
		if (duet_done(tasks[i]))
			count(&v, tasks[i] != NULL ? tasks[i]->result : DUET_ENOMEM);
	if (is_over(&v) || timeout <= 0)
		return (int)v.good;
	if (n > FEW && (looks = malloc(n * sizeof(*looks))) == NULL)
		return duet__fail(DUET_ENOMEM);
	r = watch(&v, looks, tasks, n, timeout);
	if (looks != few)
		free(looks);
	return r < 0 ? r : (int)v.good;
}

int duet_wait(duet_task *const tasks[], size_t n, size_t want, duet_time timeout)
{
	return wait(tasks, n, want, timeout, false);
}

int duet_wait_ok(duet_task *const tasks[], size_t n, size_t want, duet_time timeout)
{
	return wait(tasks, n, want, timeout, true);
}
