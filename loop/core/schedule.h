/* The hot half of schedule.c, inline: every function that returns after a switch costs a
 * mispredicted ret, so that only the public call itself is left to return. */
#ifndef DUET_CORE_SCHEDULE_H
#define DUET_CORE_SCHEDULE_H

#include "loop/core/loop_impl.h"

enum { DUET__FETCH_AHEAD = 8 };

bool duet__is_time_up(duet_loop *loop);
void duet__shuffle(duet_loop *loop);

/* t if it can run, or the next one that can: gives a task that never ran its stack. */
duet_task *duet__begin_next(duet_loop *loop, duet_task *t);

/* Makes t run in its turn. */
static inline void duet__make_ready(duet_task *t)
{
	if (t->ready || t->state == DUET__TASK_DONE)
		return;
	t->ready = true;
	duet__ready_push(&t->loop->ready, t);
}

/* With many tasks their records and stacks are cold, and a switch is a chain of two cache misses.
 * So the record is fetched some switches ahead, and what the record points to a little later. */
static inline DUET__HINT void duet__fetch_ahead(const duet__ready *r)
{
	if (duet__ready_count(r) <= DUET__FETCH_AHEAD)
		return;
	__builtin_prefetch(duet__ready_peek(r, DUET__FETCH_AHEAD));
	duet__context_prefetch(&duet__ready_peek(r, DUET__FETCH_AHEAD / 2)->context);
}

/* The next task to run, or NULL: the loop. */
static inline duet_task *duet__next_task(duet_loop *loop)
{
	duet_task *t;

	if (--loop->switches <= 0 && duet__is_time_up(loop))
		return NULL;
	if (loop->random != 0)
		duet__shuffle(loop);
	t = duet__ready_pop(&loop->ready);
	if (t == NULL)
		return NULL;
	t->ready = false;
	duet__fetch_ahead(&loop->ready);
	return t;
}

/* A tick of the coarse clock has passed since the last switch. */
void duet__on_tick(duet_loop *loop, duet_task *self, duet_time now);

/* self lets go of the loop: did it hold it too long? */
static inline void duet__account(duet_loop *loop, duet_task *self)
{
	duet_time now = duet__clock_coarse();

	if (now != loop->held_since)
		duet__on_tick(loop, self, now);
}

/* To the next ready task, or the loop; returns when self is switched to. */
static inline void duet__switch_away(duet_task *self)
{
	duet_loop *loop = self->loop;
	duet_task *next;

	duet__account(loop, self);
	next = duet__next_task(loop);
	if (next != NULL && next->state == DUET__TASK_NEW)
		next = duet__begin_next(loop, next);
	if (next == self)
		return;
	duet__current = next;
	duet__context_switch(&self->context, next != NULL ? &next->context : &loop->context);
}

#endif
