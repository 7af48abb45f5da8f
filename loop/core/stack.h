/* Stacks of tasks: reserved in slabs, touched lazily, guarded at the low end, used again hottest
 * first.
 *
 *   slab:  | guard .... stack 0 | guard .... stack 1 | ...        each of the same size
 *
 * The guard is 16 KiB of MADV_GUARD_INSTALL, which costs no mapping (Linux 6.13), so a million
 * stacks fit the default vm.max_map_count; on older kernels it is mprotect, up to a quarter of that
 * limit, and none beyond.
 *
 * The record of a stack lives at its own top, in the page that the task touches anyway.  Tops are
 * spread over the page: at equal offsets all of them would compete for the same cache sets. */
#ifndef DUET_CORE_STACK_H
#define DUET_CORE_STACK_H

#include "loop/core/list.h"
#include <stdbool.h>
#include <stddef.h>

enum {
	DUET__STACK_DEFAULT = 256 * 1024,
	DUET__STACK_MIN = 32 * 1024,
	DUET__STACK_MOST = 1024 * 1024 * 1024,
};

typedef struct duet__stack {
	struct duet__slab *slab;
	struct duet__stack *next_free;
	char *low;         /* above the guard */
	unsigned watch_id; /* valgrind's */
} duet__stack;

/* All stacks of one size. */
typedef struct duet__stacks {
	struct duet__stacks *next; /* the loop's pool of another size                            */
	size_t size;     /* of each stack, guard included                                    */
	duet__list open; /* slabs with a stack to give                                       */
	duet__list full;
	size_t slabs;
	size_t idle_slabs; /* all of whose stacks are free                                     */
	size_t live;
	int guard;             /* how stacks are guarded; found out with the first slab */
	size_t most_protected; /* guards by mprotect                               */
} duet__stacks;

void duet__stacks_init(duet__stacks *pool, size_t size);
void duet__stacks_fini(duet__stacks *pool); /* every stack has been released */

/* -> a stack, or NULL (out of memory or address space) */
duet__stack *duet__stack_acquire(duet__stacks *pool);

/* May be called on the very stack: it stays usable until somebody acquires it. */
void duet__stack_release(duet__stack *s);

/* Gives idle slabs back to the system; not from a task. */
void duet__stacks_trim(duet__stacks *pool);

static inline void *duet__stack_high(duet__stack *s)
{
	return s;
}

/* Whether the address is in the guard of this stack. */
bool duet__stack_is_overrun(const duet__stack *s, const void *address);

/* The stack's bytes that were ever touched, for dump. */
size_t duet__stack_high_water(const duet__stack *s);

#endif
