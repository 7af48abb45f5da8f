/* The heap behind duet__timer; the loop owns one.
 *
 * Timers lie on the stacks of tasks that sleep, a page apart and cold: moving an entry must not
 * touch them.  So the heap knows a timer by a small number, and all that sifting writes is dense.
 *
 *   timer.slot - 1 = number      entries[places[number]] is its entry
 *                                timers[number] is the timer
 */
#ifndef DUET_CORE_TIMER_HEAP_H
#define DUET_CORE_TIMER_HEAP_H

#include "loop/core/list.h"
#include "loop/core/timer.h"
#include <stddef.h>

enum { DUET__TIMER_NUMBER_BITS = 26 }; /* 67 million timers at once */

typedef struct duet__timer_entry {
	duet_time deadline;
	uint64_t rank; /* order << NUMBER_BITS | number: the order's low 38 bits break ties */
} duet__timer_entry;

typedef struct duet__timer_heap {
	duet__timer_entry *entries; /* so aligned that the children of one share a cache line */
	uint32_t *places;           /* of a number that is free: the next free one            */
	duet__timer **timers;
	size_t count;
	size_t capacity;
	uint32_t numbers; /* below: in use or free; from there on never used                  */
	uint32_t free;    /* 1 + the first free number, or 0                                  */
} duet__timer_heap;

int duet__timer_heap_push(duet__timer_heap *h, duet__timer *t); /* -> 0, -ENOMEM */
void duet__timer_heap_remove(duet__timer_heap *h, duet__timer *t);
void duet__timer_heap_fini(duet__timer_heap *h);

/* Drops every timer that lies in [low, high): scopes a task left open on its dead stack. */
void duet__timer_heap_forget(duet__timer_heap *h, const void *low, const void *high);

static inline duet_time duet__timer_heap_next(const duet__timer_heap *h)
{
	return h->count == 0 ? DUET_FOREVER : h->entries[0].deadline;
}

static inline duet__timer *duet__timer_heap_at(const duet__timer_heap *h, size_t i)
{
	uint64_t mask = (UINT64_C(1) << DUET__TIMER_NUMBER_BITS) - 1;

	return h->timers[h->entries[i].rank & mask];
}

/* The timer that is due first, or NULL. */
static inline duet__timer *duet__timer_heap_first(const duet__timer_heap *h)
{
	return h->count == 0 ? NULL : duet__timer_heap_at(h, 0);
}

/* Fetches those that may be due next: they are cold. */
static inline DUET__HINT void duet__timer_heap_fetch_ahead(const duet__timer_heap *h)
{
	for (size_t i = 1; i <= 4 && i < h->count; i++) {
		const duet__timer *t = duet__timer_heap_at(h, i);
		__builtin_prefetch(t);
		__builtin_prefetch(t + 1);
	}
}

#endif
