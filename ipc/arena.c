/* Blocks tile the arena.  A block is cut from the start of a free one, preferably one freed a
 * short while ago, whose pages are still there: touching a fresh page costs about as much as
 * copying four.  Neighbours that are free are always joined, so two free blocks never touch. */
#include "ipc/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, SEARCH = 64 };
static const size_t SMALLEST = (size_t)1 << 20;
static const size_t KEEP = (size_t)160 << 20;

static duet__block *block_new(duet__arena *a, size_t offset, size_t size)
{
	duet__block *b = malloc(sizeof(*b));
	if (b == NULL)
		return NULL;
	*b = (duet__block){.arena = a, .offset = offset, .size = size};
	b->dirty = b->dirty_end = offset;
	duet__list_init(&b->by_address);
	duet__list_init(&b->by_age);
	return b;
}

static duet__block *by_address(duet__list *node)
{
	return duet__container_of(node, duet__block, by_address);
}

static void *map_what_fits(int fd, size_t offset, size_t *size)
{
	for (;; *size /= 2) {
		void *base = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
				  fd, (off_t)offset);
		if (base != MAP_FAILED)
			madvise(base, *size, MADV_DONTDUMP);
		if (base != MAP_FAILED || *size <= SMALLEST)
			return base;
	}
}

duet__arena *duet__arena_open(int fd, size_t offset, size_t size)
{
	duet__arena *a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	a->base = map_what_fits(fd, offset, &size);
	duet__block *all = a->base == MAP_FAILED ? NULL : block_new(a, 0, size);
	if (all == NULL) {
		if (a->base != MAP_FAILED)
			munmap(a->base, size);
		free(a);
		errno = ENOMEM;
		return NULL;
	}
	pthread_mutex_init(&a->lock, NULL);
	a->size = size;
	a->owner = getpid();
	a->keep = KEEP;
	a->refs = 1;
	duet__list_init(&a->blocks);
	duet__list_init(&a->free);
	duet__list_append(&a->blocks, &all->by_address);
	duet__list_append(&a->free, &all->by_age);
	return a;
}

static void destroy(duet__arena *a)
{
	DUET__LIST_EACH (node, &a->blocks)
		free(by_address(node));
	munmap(a->base, a->size);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* Leaves the lock; the last reference takes the arena with it. */
static void unlock_and_unref(duet__arena *a, size_t refs)
{
	bool last = (a->refs -= refs) == 0;
	pthread_mutex_unlock(&a->lock);
	if (last)
		destroy(a);
}

void duet__arena_close(duet__arena *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->lock);
	unlock_and_unref(a, 1);
}

/* Gives the dirty part of a free block back, all but its first `keep` bytes. */
static void punch(duet__block *b, size_t keep)
{
	size_t dirty = b->dirty_end - b->dirty;
	if (dirty <= keep)
		return;
	if (b->arena->owner == getpid())
		madvise(b->arena->base + b->dirty + keep, dirty - keep, MADV_REMOVE);
	b->arena->idle -= dirty - keep;
	b->dirty_end = b->dirty + keep;
}

static void set_dirty(duet__block *b, size_t from, size_t to)
{
	b->arena->idle += (to - from) - (b->dirty_end - b->dirty);
	b->dirty = from;
	b->dirty_end = to;
}

static duet__block *find(duet__arena *a, size_t size)
{
	int searched = 0;
	DUET__LIST_EACH (node, &a->free) {
		duet__block *b = duet__container_of(node, duet__block, by_age);
		if (b->size >= size)
			return b;
		if (++searched == SEARCH)
			break;
	}
	duet__block *end = duet__container_of(a->free.prev, duet__block, by_age);
	return a->free.prev != &a->free && end->size >= size ? end : NULL;
}

/* Cuts the first `size` bytes off the free block b; what is left stays free. */
static int cut(duet__block *b, size_t size)
{
	if (b->size == size)
		return 0;
	duet__block *rest = block_new(b->arena, b->offset + size, b->size - size);
	if (rest == NULL)
		return -ENOMEM;
	size_t end = b->offset + size;
	if (b->dirty_end > end) {
		set_dirty(rest, b->dirty > end ? b->dirty : end, b->dirty_end);
	}
	b->size = size;
	duet__list_append(b->by_address.next, &rest->by_address);
	duet__list_append(b->by_age.next, &rest->by_age);
	return 0;
}

static void mark_used(duet__block *b)
{
	duet__arena *a = b->arena;
	duet__list_remove(&b->by_age);
	b->used = true;
	a->in_use += b->size;
	a->refs++;
}

static size_t pages_for(size_t len)
{
	return (len / PAGE + 1) * PAGE; /* at least one byte more than len */
}

duet__block *duet__arena_alloc(duet__arena *a, size_t len)
{
	if (len >= a->size)
		return NULL;
	size_t size = pages_for(len);
	pthread_mutex_lock(&a->lock);
	duet__block *b = find(a, size);
	size_t dirty = b != NULL ? b->dirty_end - b->dirty : 0;
	if (b != NULL && cut(b, size) == 0) {
		a->idle -= dirty;
		b->dirty = b->dirty_end = b->offset;
		mark_used(b);
	} else {
		b = NULL;
	}
	pthread_mutex_unlock(&a->lock);
	return b;
}

/* Joins two free neighbours into the first. */
static duet__block *join(duet__block *a, duet__block *b)
{
	size_t dirty = b->dirty_end - b->dirty;
	if (dirty > 0) {
		size_t from = a->dirty_end > a->dirty ? a->dirty : b->dirty;
		size_t to = b->dirty_end;
		b->arena->idle -= dirty;
		set_dirty(a, from, to);
	}
	a->size += b->size;
	duet__list_remove(&b->by_address);
	duet__list_remove(&b->by_age);
	free(b);
	return a;
}

static bool is_free(duet__arena *a, duet__list *node)
{
	return node != &a->blocks && !by_address(node)->used;
}

/* The block that reaches the end of the arena is used last: most of it was never touched. */
static void file_free(duet__block *b)
{
	duet__arena *a = b->arena;
	duet__list_remove(&b->by_age);
	bool is_end = b->by_address.next == &a->blocks;
	duet__list_append(is_end ? &a->free : a->free.next, &b->by_age);
}

void duet__arena_free(duet__block *b)
{
	if (b == NULL)
		return;
	duet__arena *a = b->arena;
	pthread_mutex_lock(&a->lock);
	if (b->holds > 0) {
		b->holds--;
		pthread_mutex_unlock(&a->lock);
		return;
	}
	b->used = false;
	a->in_use -= b->size;
	set_dirty(b, b->offset, b->offset + b->size);
	if (is_free(a, b->by_address.next))
		b = join(b, by_address(b->by_address.next));
	if (is_free(a, b->by_address.prev))
		b = join(by_address(b->by_address.prev), b);
	file_free(b);
	if (a->idle > a->keep) {
		size_t dirty = b->dirty_end - b->dirty, excess = a->idle - a->keep;
		punch(b, dirty > excess ? dirty - excess : 0);
	}
	unlock_and_unref(a, 1);
}

duet__block *duet__arena_hold(duet__arena *a, const void *data)
{
	size_t offset = (size_t)((uintptr_t)data - (uintptr_t)a->base);
	duet__block *found = NULL;
	pthread_mutex_lock(&a->lock);
	DUET__LIST_EACH (node, &a->blocks) {
		duet__block *b = by_address(node);
		if (b->used && offset - b->offset < b->size)
			found = b;
	}
	if (found != NULL)
		found->holds++;
	pthread_mutex_unlock(&a->lock);
	return found;
}

bool duet__arena_grow(duet__block *b, size_t len)
{
	duet__arena *a = b->arena;
	size_t size = len < a->size ? pages_for(len) : SIZE_MAX;
	if (size <= b->size)
		return true;
	pthread_mutex_lock(&a->lock);
	bool grown = false;
	if (is_free(a, b->by_address.next)) {
		duet__block *next = by_address(b->by_address.next);
		if (size != SIZE_MAX && next->size >= size - b->size &&
		    cut(next, size - b->size) == 0) {
			a->in_use += next->size;
			next->arena->idle -= next->dirty_end - next->dirty;
			duet__list_remove(&next->by_age);
			duet__list_remove(&next->by_address);
			b->size = size;
			free(next);
			grown = true;
		}
	}
	pthread_mutex_unlock(&a->lock);
	return grown;
}

void duet__arena_trim(duet__arena *a, size_t keep)
{
	pthread_mutex_lock(&a->lock);
	DUET__LIST_EACH (node, &a->free) {
		duet__block *b = duet__container_of(node, duet__block, by_age);
		if (a->idle > keep) {
			size_t dirty = b->dirty_end - b->dirty, excess = a->idle - keep;
			punch(b, dirty > excess ? dirty - excess : 0);
		}
	}
	pthread_mutex_unlock(&a->lock);
}
