#include "loop/core/park.h"

#include "loop/core/fail.h"
#include "loop/core/park_hot.h"

static int refuse_without_task(void)
{
	return duet__fail(duet__in_forked_child ? DUET_EFORKED : DUET_ENOTASK);
}

int duet__enter(void)
{
	duet_task *self = duet__current;

	if (self == NULL)
		return refuse_without_task();
	if (self->cancelled)
		return duet__task_refuse(self);
	return 0;
}

int duet__enter_shielded(void)
{
	return duet__current == NULL ? refuse_without_task() : 0;
}

int duet__park(duet__waiter *w)
{
	return duet__park_here(w);
}

int duet__park_shielded(duet__waiter *w)
{
	duet_task *self = duet__current;

	self->parked_shielded = true;
	while (!w->done && !self->loop->hopeless)
		duet__suspend(self, w);
	self->parked_shielded = false;
	if (w->done)
		return w->result;
	duet__list_remove(&w->node);
	return duet__fail(DUET_ECANCELED);
}

void duet__wake(duet__waiter *w, int result)
{
	duet__wake_here(w, result);
}

bool duet__wake_first(duet__list *waiters, int result)
{
	duet__list *node = duet__list_first(waiters);

	if (node == NULL)
		return false;
	duet__wake(duet__container_of(node, duet__waiter, node), result);
	return true;
}

void duet__wake_all(duet__list *waiters, int result)
{
	while (duet__wake_first(waiters, result))
		;
}
