#include "loop/core/timer_heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { CHILDREN = 4, FIRST_CAPACITY = 64 };

static inline bool before(const duet__timer_entry *a, const duet__timer_entry *b)
{
	return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

static inline void place(duet__timer_heap *h, size_t at, duet__timer_entry entry)
{
	h->entries[at] = entry;
	entry.timer->slot = (uint32_t)at + 1;
}

static void sift_up(duet__timer_heap *h, size_t at, duet__timer_entry entry)
{
	while (at > 0) {
		size_t parent = (at - 1) / CHILDREN;
		if (!before(&entry, &h->entries[parent]))
			break;
		place(h, at, h->entries[parent]);
		at = parent;
	}
	place(h, at, entry);
}

static void sift_down(duet__timer_heap *h, size_t at, duet__timer_entry entry)
{
	for (;;) {
		size_t child = at * CHILDREN + 1;
		size_t end = child + CHILDREN < h->count ? child + CHILDREN : h->count;
		size_t least = child;

		if (child >= h->count)
			break;
		for (size_t i = child + 1; i < end; i++)
			if (before(&h->entries[i], &h->entries[least]))
				least = i;
		if (!before(&h->entries[least], &entry))
			break;
		place(h, at, h->entries[least]);
		at = least;
	}
	place(h, at, entry);
}

static void refill(duet__timer_heap *h, size_t at)
{
	duet__timer_entry last = h->entries[--h->count];

	if (at == h->count)
		return;
	if (at > 0 && before(&last, &h->entries[(at - 1) / CHILDREN]))
		sift_up(h, at, last);
	else
		sift_down(h, at, last);
}

int duet__timer_heap_push(duet__timer_heap *h, duet__timer *t)
{
	if (h->count == h->capacity) {
		size_t capacity = h->capacity == 0 ? FIRST_CAPACITY : h->capacity * 2;
		duet__timer_entry *entries = realloc(h->entries, capacity * sizeof(*entries));
		if (entries == NULL)
			return -ENOMEM;
		h->entries = entries;
		h->capacity = capacity;
	}
	sift_up(h, h->count++, (duet__timer_entry){t->deadline, t->order, t});
	return 0;
}

void duet__timer_heap_remove(duet__timer_heap *h, duet__timer *t)
{
	if (t->slot == 0)
		return;
	refill(h, t->slot - 1);
	t->slot = 0;
}

void duet__timer_heap_forget(duet__timer_heap *h, const void *low, const void *high)
{
	for (size_t i = 0; i < h->count;) {
		const char *t = (const char *)h->entries[i].timer;
		if (t >= (const char *)low && t < (const char *)high) {
			refill(h, i);
			i = 0; /* the heap has moved around i */
		} else {
			i++;
		}
	}
}

void duet__timer_heap_fini(duet__timer_heap *h)
{
	free(h->entries);
	*h = (duet__timer_heap){0};
}
