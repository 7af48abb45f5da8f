#include "loop/core/timer_heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CHILDREN = 4, FIRST_CAPACITY = 64, CACHE_LINE = 64 };

/* Entry 1, the first child of the first, begins a cache line. */
enum { PADDING = CACHE_LINE / sizeof(duet__timer_entry) - 1 };

_Static_assert(CHILDREN * sizeof(duet__timer_entry) == CACHE_LINE, "children fill a cache line");

static const uint64_t number_mask = (UINT64_C(1) << DUET__TIMER_NUMBER_BITS) - 1;

static inline bool before(const duet__timer_entry *a, const duet__timer_entry *b)
{
	return a->deadline != b->deadline ? a->deadline < b->deadline : a->rank < b->rank;
}

static inline void place(duet__timer_heap *h, size_t at, duet__timer_entry entry)
{
	h->entries[at] = entry;
	h->places[entry.rank & number_mask] = (uint32_t)at;
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

static bool grow_entries(duet__timer_heap *h, size_t capacity)
{
	duet__timer_entry *block =
		aligned_alloc(CACHE_LINE, (capacity + PADDING + 1) * sizeof(*block));

	if (block == NULL)
		return false;
	if (h->count > 0)
		memcpy(block + PADDING, h->entries, h->count * sizeof(*block));
	if (h->entries != NULL)
		free(h->entries - PADDING);
	h->entries = block + PADDING;
	return true;
}

static bool grow(duet__timer_heap *h)
{
	size_t capacity = h->capacity == 0 ? FIRST_CAPACITY : h->capacity * 2;
	uint32_t *places;
	duet__timer **timers;

	if (capacity > number_mask + 1)
		return false;
	if ((places = realloc(h->places, capacity * sizeof(*places))) == NULL)
		return false;
	h->places = places;
	if ((timers = realloc(h->timers, capacity * sizeof(*timers))) == NULL)
		return false;
	h->timers = timers;
	if (!grow_entries(h, capacity))
		return false;
	h->capacity = capacity;
	return true;
}

static uint32_t take_number(duet__timer_heap *h)
{
	uint32_t number;

	if (h->free == 0)
		return h->numbers++;
	number = h->free - 1;
	h->free = h->places[number];
	return number;
}

static void give_number(duet__timer_heap *h, uint32_t number)
{
	h->places[number] = h->free;
	h->free = number + 1;
}

int duet__timer_heap_push(duet__timer_heap *h, duet__timer *t)
{
	uint32_t number;

	if (h->count == h->capacity && !grow(h))
		return -ENOMEM;
	number = take_number(h);
	h->timers[number] = t;
	t->slot = number + 1;
	sift_up(h, h->count++,
		(duet__timer_entry){t->deadline, t->order << DUET__TIMER_NUMBER_BITS | number});
	return 0;
}

void duet__timer_heap_remove(duet__timer_heap *h, duet__timer *t)
{
	uint32_t number = t->slot - 1;

	if (t->slot == 0)
		return;
	refill(h, h->places[number]);
	give_number(h, number);
	t->slot = 0;
}

void duet__timer_heap_forget(duet__timer_heap *h, const void *low, const void *high)
{
	for (size_t i = 0; i < h->count;) {
		uint32_t number = (uint32_t)(h->entries[i].rank & number_mask);
		const char *t = (const char *)h->timers[number];
		if (t >= (const char *)low && t < (const char *)high) {
			refill(h, i);
			give_number(h, number);
			i = 0; /* the heap has moved around i */
		} else {
			i++;
		}
	}
}

void duet__timer_heap_fini(duet__timer_heap *h)
{
	if (h->entries != NULL)
		free(h->entries - PADDING);
	free(h->places);
	free(h->timers);
	*h = (duet__timer_heap){0};
}
