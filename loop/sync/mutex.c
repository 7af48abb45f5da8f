/* Invariant: a mutex without an owner has no waiters; unlock names the next owner itself. */
#include "loop/sync/mutex.h"

#include <stdlib.h>

#include "loop/sync/wait.h"

struct duet_mutex {
	duet_task *owner;
	uint32_t owner_number; /* a record may be a new task's: that one does not have the mutex */
	duet__list waiters;
};

duet_mutex *duet_mutex_new(void)
{
	duet_mutex *m = calloc(1, sizeof *m);

	if (m == NULL)
		return duet__fail_null(DUET_ENOMEM);
	duet__list_init(&m->waiters);
	return m;
}

static void own(duet_mutex *m, duet_task *t)
{
	m->owner = t;
	m->owner_number = t->number;
}

static bool is_owned_by(const duet_mutex *m, const duet_task *t)
{
	return m->owner == t && m->owner_number == t->number;
}

static int fail_relock(void)
{
	return duet__failf(DUET_EDEADLK, "this task has the mutex already");
}

int duet_mutex_lock(duet_mutex *m)
{
	if (m == NULL)
		return duet__fail_no("mutex");
	int r = duet__enter_here();
	if (r < 0)
		return r;
	duet_task *self = duet__current;
	if (m->owner == NULL) {
		own(m, self);
		return 0;
	}
	if (is_owned_by(m, self))
		return fail_relock();
	return duet__wait_in(&m->waiters, "mutex");
}

int duet_mutex_try_lock(duet_mutex *m)
{
	duet_task *self = duet__current;

	if (m == NULL)
		return duet__fail_no("mutex");
	if (self == NULL)
		return duet__fail(DUET_ENOTASK);
	if (is_owned_by(m, self))
		return fail_relock();
	if (m->owner != NULL)
		return duet__fail(DUET_EAGAIN);
	own(m, self);
	return 0;
}

int duet__mutex_retake(duet_mutex *m)
{
	if (m->owner == NULL) {
		own(m, duet__current);
		return 0;
	}
	DUET__WAITER(w, "mutex");
	duet__list_append(&m->waiters, &w.node);
	return duet__park_shielded(&w);
}

int duet_mutex_unlock(duet_mutex *m)
{
	if (m == NULL)
		return duet__fail_no("mutex");
	duet_task *self = duet__current;
	if (self == NULL || !is_owned_by(m, self))
		return duet__failf(DUET_EINVAL, "this task does not have the mutex");
	duet__list *node = duet__list_first(&m->waiters);
	if (node == NULL) {
		m->owner = NULL;
		return 0;
	}
	duet__waiter *next = duet__container_of(node, duet__waiter, node);
	own(m, next->task);
	duet__wake_here(next, 0);
	return 0;
}

duet_task *duet_mutex_owner(const duet_mutex *m)
{
	return m != NULL ? m->owner : NULL;
}

void duet_mutex_free(duet_mutex *m)
{
	if (m == NULL)
		return;
	duet__wake_all(&m->waiters, DUET_ECLOSED);
	free(m);
}
