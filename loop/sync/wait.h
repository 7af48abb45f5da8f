/* What all primitives of this room have in common: tasks wait in a list, first come, first served,
 * and an object that is freed under them sends them away with DUET_ECLOSED.
 *
 * After a wait returns anything but DUET_ECANCELED the object may be gone: whoever woke the task
 * may have freed it since.  What a waiter is given therefore lies in its own frame. */
#ifndef DUET_SYNC_WAIT_H
#define DUET_SYNC_WAIT_H

#include "loop/core/fail.h"
#include "loop/core/park_hot.h"

/* -> what the wake said; the words for DUET_ECLOSED are added here. */
static inline int duet__wait_parked(duet__waiter *w)
{
	int r = duet__park_here(w);

	if (r == DUET_ECLOSED)
		return duet__failf(r, "waiting for a %s that was closed or freed meanwhile",
				   w->what);
	return r;
}

/* Waits at the end of the list.  what: static words. */
static inline int duet__wait_in(duet__list *waiters, const char *what)
{
	DUET__WAITER(w, what);

	duet__list_append(waiters, &w.node);
	return duet__wait_parked(&w);
}

static inline size_t duet__waiters_count(const duet__list *waiters)
{
	size_t n = 0;

	for (const duet__list *node = waiters->next; node != waiters; node = node->next)
		n++;
	return n;
}

/* -EINVAL for a NULL object. */
static inline int duet__fail_no(const char *what)
{
	return duet__failf(DUET_EINVAL, "the %s is NULL", what);
}

#endif
