/* The heap behind duet__timer; the loop owns one. */
#ifndef DUET_CORE_TIMER_HEAP_H
#define DUET_CORE_TIMER_HEAP_H

#include "loop/core/timer.h"
#include <stddef.h>

typedef struct duet__timer_entry {
	duet_time deadline;
	uint64_t order;
	duet__timer *timer;
} duet__timer_entry;

typedef struct duet__timer_heap {
	duet__timer_entry *entries;
	size_t count;
	size_t capacity;
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

#endif
