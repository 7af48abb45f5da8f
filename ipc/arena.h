/* An arena: a large, sparse stretch of shared memory, and the book of which parts of it are in use.
 * The book is kept outside the mapping, in the process that gives the parts out, so that no other
 * can damage it.  Memory is touched lazily and given back to the system beyond what the last
 * burst makes likely to be used again.
 *
 * alloc and free may be called from any thread; blocks keep the arena alive. */
#ifndef DUET_IPC_ARENA_H
#define DUET_IPC_ARENA_H

#include "loop/core/list.h"

#include <duet/bytes.h>
#include <pthread.h>

typedef struct duet__arena duet__arena;

/* A part: offset .. offset + size, in whole pages. */
typedef struct duet__block {
	duet__arena *arena;
	duet__list by_address;
	duet__list by_age; /* in the arena's list of free blocks, or in none            */
	size_t offset, size;
	size_t dirty, dirty_end; /* of a free block: what may still hold memory               */
	size_t holds; /* how often it is held beside its owner's                              */
	bool used;
} duet__block;

struct duet__arena {
	pthread_mutex_t lock;
	unsigned char *base;
	size_t size;
	pid_t owner;       /* a child of the program has a copy of the book, not of the memory   */
	size_t in_use;     /* bytes of used blocks                                              */
	size_t idle;       /* bytes of free blocks that may still hold memory                   */
	size_t keep;       /* how much of that is kept                                          */
	size_t refs;       /* the owner, and each used block                                    */
	duet__list blocks; /* all, by address                                                   */
	duet__list free;   /* free ones, the last freed first, the untouched end last           */
};

/* Takes nothing: maps size bytes (or, where address space is short, fewer) of fd from offset,
 * writable.  -> an arena, or NULL with errno */
duet__arena *duet__arena_open(int fd, size_t offset, size_t size);
void duet__arena_close(duet__arena *a); /* NULL is fine; unmapped when the last block is freed */

/* -> room for len bytes and a NUL behind them, or NULL (full, or no memory for the book) */
duet__block *duet__arena_alloc(duet__arena *a, size_t len);
void duet__arena_free(duet__block *b); /* NULL is fine */

/* The block in use that data points into; it lasts until it has been freed once more.  -> NULL: there
 * is none */
duet__block *duet__arena_hold(duet__arena *a, const void *data);

/* Makes room for len bytes and a NUL in place -> whether that was possible. */
bool duet__arena_grow(duet__block *b, size_t len);

/* Gives all idle memory beyond keep back to the system. */
void duet__arena_trim(duet__arena *a, size_t keep);

static inline void *duet__block_data(const duet__block *b)
{
	return b->arena->base + b->offset;
}

/* Whether all of the bytes lie in the arena. */
static inline bool duet__arena_has(const duet__arena *a, duet_bytes bytes)
{
	size_t offset = (size_t)((uintptr_t)bytes.data - (uintptr_t)a->base);
	return (uintptr_t)bytes.data >= (uintptr_t)a->base && offset < a->size &&
	       bytes.len <= a->size - offset;
}

#endif
