/* Waiting, the one way every primitive does it.
 *
 * The waiter lives on the waiting task's stack.  It may be linked into a list of the thing that is
 * waited for; whoever makes it come true calls duet__wake, which unlinks it.
 *
 *     int r = duet__enter();                     // may we suspend?  ENOTASK, EFORKED, ECANCELED
 *     if (r < 0)
 *             return r;
 *     DUET__WAITER(w, "semaphore");              // declares duet__waiter w
 *     duet__list_append(&sem->waiters, &w.node);
 *     r = duet__park(&w);                        // unlinked on return, whatever the reason
 *
 * Cancellation does not unlink: it makes the task ready, and a wake that comes before the task
 * runs still wins (the contract's "same turn counts as completed").  So what a waker hands over
 * is never lost: if park returns anything but DUET_ECANCELED, the wake happened.
 *
 * All of it runs on the loop's thread. */
#ifndef DUET_CORE_PARK_H
#define DUET_CORE_PARK_H

#include "loop/core/list.h"
#include <duet/task.h>

typedef struct duet__waiter {
	duet__list node;        /* in the list of the thing waited for, or in none               */
	struct duet_task *task; /* who waits, while it is parked; else NULL                      */
	const char *what;       /* static words for dump and the deadlock report: "semaphore"    */
	const struct duet_task *about; /* the task waited for, if it is one                      */
	int result;    /* what park returns, set by wake                                */
	bool done;     /* woken                                                         */
	bool external; /* something outside the loop's own tasks can wake it (a socket,
	                           a thread, a worker): while one such waiter is parked there is
	                           no deadlock, and virtual time flows as real time does         */
} duet__waiter;

/* Declare a waiter called name, linked nowhere. */
#define DUET__WAITER_(name, words, outside)                                                        \
	{                                                                                          \
		.node = {&(name).node, &(name).node}, .what = (words), .external = (outside)       \
	}
#define DUET__WAITER(name, words)          duet__waiter name = DUET__WAITER_(name, words, false)
#define DUET__WAITER_EXTERNAL(name, words) duet__waiter name = DUET__WAITER_(name, words, true)

/* First line of every suspending call.  -> 0, DUET_ENOTASK, DUET_EFORKED, DUET_ECANCELED */
int duet__enter(void);

/* The same without the check for cancellation. */
int duet__enter_shielded(void);

/* Suspends until woken or cancelled.  The caller must have passed duet__enter (or
 * duet__enter_shielded).  A waiter that is done already returns at once, without suspending.
 * -> the wake's result, DUET_ECANCELED */
int duet__park(duet__waiter *w);

/* Suspends until woken; cancellation waits its turn.  Only for waits that are bound to end soon,
 * such as joining a task that was cancelled.  -> the wake's result (or DUET_ECANCELED, not woken,
 * while the loop breaks up a deadlock in which that end would never come) */
int duet__park_shielded(duet__waiter *w);

/* Unlinks w and makes its task ready; the second wake is a no-op.  From tasks, watches, timers,
 * hooks and posts alike. */
void duet__wake(duet__waiter *w, int result);

/* Wakes the first waiter in the list -> true, or false if there is none. */
bool duet__wake_first(duet__list *waiters, int result);
void duet__wake_all(duet__list *waiters, int result);

#endif
