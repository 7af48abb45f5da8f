#include <duet/cond.h>

#include <stdlib.h>

#include "loop/sync/mutex.h"
#include "loop/sync/wait.h"

struct duet_cond {
	duet__list waiters;
};

duet_cond *duet_cond_new(void)
{
	duet_cond *c = calloc(1, sizeof *c);

	if (c == NULL)
		return duet__fail_null(DUET_ENOMEM);
	duet__list_init(&c->waiters);
	return c;
}

/* The waiter is linked before the mutex goes, so that no signal can fall between the two. */
int duet_cond_wait(duet_cond *c, duet_mutex *m)
{
	if (c == NULL)
		return duet__fail_no("condition");
	int r = duet__enter_here();
	if (r < 0)
		return r;
	DUET__WAITER(w, "condition");
	duet__list_append(&c->waiters, &w.node);
	r = duet_mutex_unlock(m);
	if (r < 0) {
		duet__list_remove(&w.node);
		return r;
	}
	r = duet__wait_parked(&w);
	int retaken = duet__mutex_retake(m);
	return retaken < 0 ? retaken : r;
}

int duet_cond_wait_for(duet_cond *c, duet_mutex *m, bool (*ready)(void *arg), void *arg)
{
	int r = 0;

	if (ready == NULL)
		return duet__failf(DUET_EINVAL, "nothing to ask whether it is ready");
	if (m == NULL || duet_self() == NULL || duet_mutex_owner(m) != duet_self())
		return duet__failf(DUET_EINVAL, "this task does not have the mutex");
	while (r == 0 && !ready(arg))
		r = duet_cond_wait(c, m);
	return r;
}

void duet_cond_signal(duet_cond *c)
{
	if (c != NULL)
		duet__wake_first(&c->waiters, 0);
}

void duet_cond_broadcast(duet_cond *c)
{
	if (c != NULL)
		duet__wake_all(&c->waiters, 0);
}

void duet_cond_free(duet_cond *c)
{
	if (c == NULL)
		return;
	duet__wake_all(&c->waiters, DUET_ECLOSED);
	free(c);
}
