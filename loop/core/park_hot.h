/* The hot half of park.c, inline: for primitives whose whole price is that of a switch. */
#ifndef DUET_CORE_PARK_HOT_H
#define DUET_CORE_PARK_HOT_H

#include "loop/core/park.h"
#include "loop/core/schedule.h"

static inline void duet__suspend(duet_task *self, duet__waiter *w)
{
	duet_loop *loop = self->loop;

	w->task = self;
	self->parked = w;
	self->since = loop->now;
	if (w->external)
		loop->external++;
	duet__switch_away(self);
	if (w->external)
		loop->external--;
	self->parked = NULL;
	w->task = NULL; /* woken late, while the task runs, it must not become ready once more */
}

/* duet__enter, with a call only where something stands against it. */
static inline int duet__enter_here(void)
{
	const duet_task *self = duet__current;

	return self != NULL && !self->cancelled ? 0 : duet__enter();
}

/* duet__park */
static inline int duet__park_here(duet__waiter *w)
{
	duet_task *self = duet__current;

	if (!w->done && !self->cancelled)
		duet__suspend(self, w);
	if (w->done)
		return w->result;
	duet__list_remove(&w->node);
	return duet__task_refuse(self);
}

/* duet__wake */
static inline void duet__wake_here(duet__waiter *w, int result)
{
	if (w->done)
		return;
	duet__list_remove(&w->node);
	w->done = true;
	w->result = result;
	if (w->task != NULL)
		duet__make_ready(w->task);
}

#endif
