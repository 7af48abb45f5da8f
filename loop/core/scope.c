/* Scopes, and when a task counts as cancelled.
 *
 *   the task ── scope ── scope ── shield ── scope   (innermost, t->scope)
 *      ▲          ▲        ▲         │         ▲
 *   duet_cancel  fired    fired      │       fired
 *      └──────────┴────────┴─hidden──┘         └─ counts
 *
 * t->cancelled is that question's answer, kept up to date by whatever can change it: entering and
 * leaving a scope, a deadline that fires, duet_cancel, a deadlock. */
#include <duet/scope.h>

#include "loop/core/fail.h"
#include "loop/core/schedule.h"
#include <assert.h>

static_assert(sizeof(((duet_scope *)0)->timer) == sizeof(duet__timer) &&
		      offsetof(duet__timer, slot) + offsetof(duet_scope, timer) ==
			      offsetof(duet_scope, timer.slot) &&
		      offsetof(duet__timer, fire) + offsetof(duet_scope, timer) ==
			      offsetof(duet_scope, timer.fire),
	      "the public struct spells out a duet__timer");

static duet__timer *timer_of(duet_scope *s)
{
	return (duet__timer *)(void *)&s->timer;
}

/* Whether anything that was cancelled reaches the task. */
static bool is_reached(const duet_task *t)
{
	for (const duet_scope *s = t->scope; s != NULL; s = s->outer) {
		if (s->fired)
			return true;
		if (s->shield)
			return false;
	}
	return t->cancel_requested;
}

void duet__task_update_cancelled(duet_task *t)
{
	t->cancelled = t->loop->doomed || is_reached(t);
	if (t->cancelled && t->parked != NULL && (!t->parked_shielded || t->loop->hopeless))
		duet__make_ready(t);
}

int duet__task_refuse(duet_task *t)
{
	for (duet_scope *s = t->scope; s != NULL; s = s->outer) {
		s->observed = s->observed || s->fired;
		if (s->shield)
			break;
	}
	return duet__fail(DUET_ECANCELED);
}

static void on_deadline(void *timer)
{
	duet_scope *s = duet__container_of(timer, duet_scope, timer);
	duet_task *t = s->task;

	s->fired = true;
	duet__task_update_cancelled(t);
	/* Behind a shield nothing is interrupted now, but time is up all the same. */
	if (!t->cancelled)
		s->observed = true;
}

/* A scope entered twice would be its own outer one, without end. */
static bool is_entered(const duet_task *t, const duet_scope *s)
{
	for (const duet_scope *o = t->scope; o != NULL; o = o->outer)
		if (o == s)
			return true;
	return false;
}

static int enter(duet_scope *s, duet_time limit, bool shield)
{
	duet_task *self = duet__current;
	int r = duet__enter_shielded();

	if (r < 0)
		return r;
	if (s == NULL)
		return duet__failf(DUET_EINVAL, "no scope to enter");
	if (is_entered(self, s))
		return duet__failf(DUET_EINVAL, "this scope is entered already: leave it first, "
						"on every way out of its function");
	*s = (duet_scope){.outer = self->scope, .task = self, .shield = shield};
	s->timer.fire = on_deadline;
	s->timer.flags = DUET__TIMER_LATE;
	if (limit <= 0)
		s->fired = true;
	else if ((r = duet__timer_start(self->loop, timer_of(s), limit)) < 0) {
		s->task = NULL;
		return duet__fail(r);
	}
	self->scope = s;
	duet__task_update_cancelled(self);
	return 0;
}

int duet_scope_enter(duet_scope *s, duet_time limit)
{
	return enter(s, limit, false);
}

int duet_scope_shield(duet_scope *s, duet_time limit)
{
	return enter(s, limit, true);
}

int duet_scope_exit(duet_scope *s)
{
	duet_task *self = duet__current;

	if (self == NULL || s == NULL || self->scope != s)
		return duet__failf(DUET_EINVAL, "not this task's innermost scope: leave those "
						"entered after it first, and each once");
	duet__timer_stop(self->loop, timer_of(s));
	self->scope = s->outer;
	s->task = NULL; /* to reschedule it would leave a timer behind */
	duet__task_update_cancelled(self);
	if (s->fired && s->observed)
		return duet__failf(DUET_ETIMEDOUT, "the scope's time limit was reached");
	return 0;
}

int duet_scope_reschedule(duet_scope *s, duet_time limit)
{
	if (duet__current == NULL || s == NULL || s->task != duet__current)
		return duet__failf(DUET_EINVAL, "not a scope that this task is in");
	if (s->fired)
		return duet__fail(DUET_ETIMEDOUT);
	if (limit <= 0) {
		duet__timer_stop(s->task->loop, timer_of(s));
		s->fired = true;
		duet__task_update_cancelled(s->task);
		return 0;
	}
	int r = duet__timer_start(s->task->loop, timer_of(s), limit);
	return r < 0 ? duet__fail(r) : 0;
}

bool duet_cancelled(void)
{
	return duet__current != NULL && duet__current->cancelled;
}

/* Scopes that a function left open lie below s, on frames that are gone. */
static void drop_inner_scopes(duet_scope *s)
{
	duet_task *self = duet__current;

	if (self->scope == s)
		return;
	duet__timer_heap_forget(&self->loop->timers, self->stack->low, s);
	self->scope = s;
}

int duet_timeout(duet_time limit, duet_fn *fn, void *arg)
{
	duet_scope s;
	int r, result;

	if (fn == NULL)
		return duet__failf(DUET_EINVAL, "no function to run");
	r = duet_scope_enter(&s, limit);
	if (r < 0)
		return r;
	result = fn(arg);
	if (duet__current == NULL)
		return result; /* a forked child, on its way out */
	drop_inner_scopes(&s);
	r = duet_scope_exit(&s);
	return r < 0 ? r : result;
}
