#include "loop/core/park.h"

#include "loop/core/fail.h"
#include "loop/core/schedule.h"

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

static void suspend(duet_task *self, duet__waiter *w)
{
	duet_loop *loop = self->loop;

	w->task = self;
	self->parked = w;
	self->since = loop->now;
	loop->external += w->external;
	duet__switch_away(self);
	loop->external -= w->external;
	self->parked = NULL;
}

int duet__park(duet__waiter *w)
{
	duet_task *self = duet__current;

	if (!w->done && !self->cancelled)
		suspend(self, w);
	if (w->done)
		return w->result;
	duet__list_remove(&w->node);
	return duet__task_refuse(self);
}

int duet__park_shielded(duet__waiter *w)
{
	duet_task *self = duet__current;

	self->parked_shielded = true;
	while (!w->done && !self->loop->doomed)
		suspend(self, w);
	self->parked_shielded = false;
	if (w->done)
		return w->result;
	duet__list_remove(&w->node);
	return duet__fail(DUET_ECANCELED);
}

void duet__wake(duet__waiter *w, int result)
{
	if (w->done)
		return;
	duet__list_remove(&w->node);
	w->done = true;
	w->result = result;
	if (w->task != NULL)
		duet__make_ready(w->task);
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
