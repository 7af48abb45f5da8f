/* Timers: a 4-ary heap of (deadline, order), one per loop, of which libevent sees the first only.
 *
 * A timer is embedded in whatever it times.  Its fire function runs on the loop's stack, once,
 * after the timer has left the heap; it must not suspend.  Equal deadlines fire in the order in
 * which they were started (or shuffled, under a seed). */
#ifndef DUET_CORE_TIMER_H
#define DUET_CORE_TIMER_H

#include <duet/run.h>
#include <duet/time.h>

typedef struct duet__timer {
	duet_time deadline; /* on the loop's clock                                             */
	union {
		uint64_t order;           /* breaks ties                   */
		struct duet__timer *next; /* due together, out of the heap */
	};
	uint32_t slot;  /* 1 + its number in the heap; 0 = not started                     */
	uint32_t flags; /* DUET__TIMER_LATE                                                */
	void (*fire)(void *timer);
} duet__timer;

/* Fires after all other timers that are due in the same turn: a deadline, which whatever completes
 * in that turn still beats. */
#define DUET__TIMER_LATE 1u

/* Starts (or restarts) t to fire after delay (DUET_FOREVER: stops it).  t->fire and t->flags are
 * the caller's to set.  -> 0, -ENOMEM */
int duet__timer_start(duet_loop *loop, duet__timer *t, duet_time delay);

/* Stopping a timer that is not started is harmless. */
void duet__timer_stop(duet_loop *loop, duet__timer *t);

static inline bool duet__timer_is_started(const duet__timer *t)
{
	return t->slot != 0;
}

#endif
