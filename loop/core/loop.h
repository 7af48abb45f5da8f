/* What other rooms may ask of the loop.  See README.md of this folder for one turn of it. */
#ifndef DUET_CORE_LOOP_H
#define DUET_CORE_LOOP_H

#include "loop/core/list.h"
#include <duet/run.h>

/* The loop of this thread: also inside watches, timers, hooks and posts.  NULL outside a run and
 * in a forked child. */
duet_loop *duet__loop(void);

/* Runs fn(arg) on the loop's own stack, which is the thread's and large, and comes back at once:
 * for third-party calls whose depth nobody knows.  No other task runs meanwhile.  Outside a task
 * it is a plain call. */
void duet__on_loop_stack(void (*fn)(void *arg), void *arg);

/* A hook, once armed, runs once: after the ready tasks of this turn, before the loop polls.  This
 * is where what gathered during a turn goes out as one batch.  Arming twice is arming once; a hook
 * may arm itself again for the next turn. */
typedef struct duet__hook {
	duet__list node;
	void (*run)(struct duet__hook *hook);
} duet__hook;

void duet__hook_init(duet__hook *hook, void (*run)(duet__hook *hook));
void duet__hook_arm(duet_loop *loop, duet__hook *hook);
void duet__hook_disarm(duet__hook *hook);

/* An attachment hears when the run ends: after the last task has ended, while watches, timers and
 * hooks still work.  For objects that outlive a run (a pool) or were left open (a client).  It
 * must let go of all that belongs to the loop.  Detaching twice is harmless. */
typedef struct duet__attachment {
	duet__list node;
	void (*closing)(struct duet__attachment *attachment);
	void (*describe)(struct duet__attachment *attachment, FILE *to); /* for the dump; or NULL */
} duet__attachment;

void duet__loop_attach(duet_loop *loop, duet__attachment *attachment);
void duet__loop_detach(duet__attachment *attachment);

/* Hands a report to the run's report callback (or stderr under DUET_DEBUG=1).  Outside a run it
 * is dropped, or printed under DUET_DEBUG=1.  kind, task ... as in duet_report. */
void duet__report(const duet_report *report);

/* Whether this run keeps virtual time. */
bool duet__loop_is_virtual(const duet_loop *loop);

/* Objects that a foreign thread will wake (a promise, a helper thread) hold the loop open against
 * the deadlock report; parked waiters with .external do so by themselves. */
void duet__loop_hold(duet_loop *loop);
void duet__loop_unhold(duet_loop *loop);

#endif
