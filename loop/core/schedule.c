/* Who runs next.
 *
 * A task that suspends switches straight to the next ready one, not through the loop: that is one
 * switch rather than two.  The loop gets its turn when nothing is ready, and at the latest after
 * SLICE_TIME or SLICE_SWITCHES switches, so that busy tasks starve neither I/O nor timers.  Looking
 * at the clock costs several switches: tasks that are quick are looked at seldom.
 *
 * A task that has ended hands its stack to the next ready one if that never ran: a burst of short
 * tasks runs on one warm stack without a single switch. */
#include "loop/core/schedule.h"

#include <duet/error.h>

enum { SLICE_SWITCHES = 256, STRIDE = 16, LONG_STRIDE = 128 };

#define SLICE_TIME DUET_US(500)
#define QUICK      DUET_US(10) /* for STRIDE switches */

_Thread_local duet_task *duet__current;
_Thread_local duet_loop *duet__current_loop;
_Thread_local bool duet__in_forked_child;

/* xorshift64*, seeded by the run's options: the same seed gives the same order. */
uint64_t duet__random(duet_loop *loop)
{
	uint64_t x = loop->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	loop->random = x;
	return x * UINT64_C(2685821657736338717);
}

/* What must be reproducible counts switches only. */
static bool is_exact(const duet_loop *loop)
{
	return loop->slice_end == DUET_FOREVER;
}

bool duet__is_time_up(duet_loop *loop)
{
	duet_time now;

	if (loop->forked || (loop->allowance -= loop->stride) <= 0)
		return true;
	if (!is_exact(loop)) {
		now = duet__clock_monotonic();
		if (now >= loop->slice_end)
			return true;
		loop->stride = (now - loop->looked_at) / loop->stride < QUICK / STRIDE ? LONG_STRIDE
										       : STRIDE;
		loop->looked_at = now;
	}
	loop->switches = loop->stride;
	return false;
}

void duet__on_tick(duet_loop *loop, duet_task *self, duet_time now)
{
	duet_time held = now - loop->held_since;

	loop->held_since = now;
	if (!is_exact(loop))
		loop->switches = 0; /* look at once: so long a stride no longer fits */
	if (held > loop->options.slow)
		duet__report_slow(self, held);
}

void duet__shuffle(duet_loop *loop)
{
	if (duet__ready_count(&loop->ready) > 1)
		duet__ready_promote(&loop->ready,
				    duet__random(loop) % duet__ready_count(&loop->ready));
}

static void start(duet_task *t)
{
	t->state = DUET__TASK_LIVE;
	if (t->loop->options.trace != NULL)
		duet__trace_task_begun(t);
}

/* Gives t a stack to begin on. */
static bool begin(duet_task *t)
{
	t->stack = duet__stack_acquire(t->stacks);
	if (t->stack == NULL)
		return false;
	start(t);
	duet__context_make(&t->context, t->stack->low, duet__stack_high(t->stack), duet__task_main);
	return true;
}

duet_task *duet__begin_next(duet_loop *loop, duet_task *t)
{
	while (t != NULL && t->state == DUET__TASK_NEW && !begin(t)) {
		duet__task_end(t, DUET_ENOMEM);
		t = duet__next_task(loop);
	}
	return t;
}

/* What is still needed of a task when its record may be gone. */
struct remains {
	duet__context context;
	duet__stack *stack;
	duet__stacks *stacks;
};

/* Leaves the stack of a task that has ended, unless the next one can begin on it. */
static bool pass_on_stack(duet_loop *loop, struct remains *dead)
{
	duet_task *next = duet__next_task(loop);

	if (next != NULL && next->state == DUET__TASK_NEW && next->stacks == dead->stacks) {
		start(next);
		next->stack = dead->stack;
		duet__context_adopt(&next->context, &dead->context);
		duet__current = next;
		return true;
	}
	if (next != NULL && next->state == DUET__TASK_NEW) {
		/* of another stack size: it begins from the loop, as the next one */
		duet__ready_unpop(&loop->ready, next);
		next->ready = true;
		next = NULL;
	}
	duet__current = next;
	duet__stack_release(dead->stack);
	duet__context_leave(&dead->context, next != NULL ? &next->context : &loop->context);
}

void duet__task_main(void)
{
	duet_loop *loop = duet__current_loop;
	struct remains dead;

	duet__context_entered(&duet__current->context, &loop->context);
	do {
		duet_task *self = duet__current;
		int result = self->fn(self->arg);

		duet__account(loop, self);
		dead = (struct remains){self->context, self->stack, self->stacks};
		duet__task_end(self, result);
	} while (pass_on_stack(loop, &dead));
}

void duet__run_now(duet_task *t)
{
	duet_task *self = duet__current;
	duet_loop *loop = t->loop;

	if (self == NULL || !begin(t))
		return; /* it runs, or fails to, in its turn */
	loop->ready.tail--;
	t->ready = false;
	duet__ready_unpop(&loop->ready, self);
	self->ready = true;
	duet__current = t;
	duet__context_switch(&self->context, &t->context);
}

static void switch_to(duet_loop *loop, duet_task *t)
{
	duet__current = t;
	duet__context_switch(&loop->context, &t->context);
}

/* A task asked for the loop's own stack. */
static void run_call(duet_loop *loop)
{
	duet_task *caller = loop->call.task;
	void (*fn)(void *arg) = loop->call.fn;

	loop->call.fn = NULL;
	duet__current = caller;
	fn(loop->call.arg);
	switch_to(loop, caller);
}

static void begin_slice(duet_loop *loop)
{
	bool must_be_exact = loop->random != 0 || duet__loop_is_virtual(loop);

	loop->held_since = duet__clock_coarse();
	loop->looked_at = duet__clock_monotonic();
	loop->slice_end = must_be_exact ? DUET_FOREVER : loop->looked_at + SLICE_TIME;
	loop->allowance = SLICE_SWITCHES;
	loop->stride = must_be_exact || loop->stride == 0 ? STRIDE : loop->stride;
	loop->switches = loop->stride;
}

void duet__run_ready(duet_loop *loop)
{
	duet_task *t;

	if (loop->forked)
		return;
	begin_slice(loop);
	t = duet__begin_next(loop, duet__next_task(loop));
	if (t == NULL)
		return;
	switch_to(loop, t);
	while (loop->call.fn != NULL && !loop->forked)
		run_call(loop);
}

void duet__on_loop_stack(void (*fn)(void *arg), void *arg)
{
	duet_task *self = duet__current;

	if (self == NULL) {
		fn(arg);
		return;
	}
	self->loop->call.fn = fn;
	self->loop->call.arg = arg;
	self->loop->call.task = self;
	duet__current = NULL;
	duet__context_switch(&self->context, &self->loop->context);
}
