#include "loop/core/stack.h"

#include "loop/core/sanitizer.h"
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
	GUARD = 16 * 1024,
	PAGE = 4096,
	SLAB_FIRST = 16,
	SLAB_MOST = 1024,
	SLAB_BYTES = 256 * 1024 * 1024,
	COLOURS = 15,
	COLOUR_STEP = 128,
	KEEP_IDLE_SLABS = 2,
};

struct duet__slab {
	duet__list node; /* in open or full */
	duet__stacks *pool;
	char *base;
	size_t count;  /* stacks it has room for              */
	size_t carved; /* of these were ever handed out       */
	size_t live;
	duet__stack *free;
};

enum guard { GUARD_UNKNOWN, GUARD_INSTALL, GUARD_PROTECT };

static enum guard probe_guard(char *page)
{
#if defined(DUET__ASAN)
	/* LeakSanitizer reads whole stacks and knows of holes only what the map of the process says. */
	(void)page;
	return GUARD_PROTECT;
#else
	return madvise(page, PAGE, MADV_GUARD_INSTALL) == 0 ? GUARD_INSTALL : GUARD_PROTECT;
#endif
}

/* Each protected guard costs two mappings of the process's budget. */
static size_t most_protected(void)
{
	size_t most = 65530 / 4;
	char text[32] = "";
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return most;
	if (read(fd, text, sizeof(text) - 1) > 0)
		most = strtoul(text, NULL, 10) / 4;
	close(fd);
	return most;
}

static int set_guard(duet__stacks *pool, char *low)
{
	if (pool->guard == GUARD_UNKNOWN) {
		pool->guard = probe_guard(low);
		pool->most_protected = pool->guard == GUARD_PROTECT ? most_protected() : 0;
	}
	if (pool->guard == GUARD_INSTALL)
		return madvise(low, GUARD, MADV_GUARD_INSTALL);
	if (pool->live < pool->most_protected)
		mprotect(low, GUARD, PROT_NONE); /* no mapping left for it: go on without */
	return 0;
}

static void slab_free(duet__stacks *pool, struct duet__slab *slab)
{
	duet__list_remove(&slab->node);
	pool->slabs--;
#if defined(DUET__ASAN)
	__asan_unpoison_memory_region(slab->base, slab->count * pool->size);
	__lsan_unregister_root_region(slab->base, slab->count * pool->size);
#endif
#if defined(DUET__VALGRIND)
	for (duet__stack *s = slab->free; s != NULL; s = s->next_free)
		VALGRIND_STACK_DEREGISTER(s->watch_id);
#endif
	munmap(slab->base, slab->count * pool->size);
	free(slab);
}

/* The more there are, the larger the next. */
static size_t slab_count(const duet__stacks *pool)
{
	size_t count = SLAB_FIRST << (2 * (pool->slabs < 3 ? pool->slabs : 3));
	size_t fits = SLAB_BYTES / pool->size;

	if (count > SLAB_MOST)
		count = SLAB_MOST;
	return count < fits ? count : fits > 0 ? fits : 1;
}

static void *map(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
}

static struct duet__slab *slab_new(duet__stacks *pool)
{
	struct duet__slab *slab = calloc(1, sizeof(*slab));

	if (slab == NULL)
		return NULL;
	slab->pool = pool;
	slab->count = slab_count(pool);
	/* Where address space is limited, a small one may still fit. */
	while ((slab->base = map(slab->count * pool->size)) == MAP_FAILED && slab->count > 1)
		slab->count /= 2;
	if (slab->base == MAP_FAILED) {
		free(slab);
		return NULL;
	}
	/* With huge pages the first touch of a stack would take 2 MiB. */
	madvise(slab->base, slab->count * pool->size, MADV_NOHUGEPAGE);
#if defined(DUET__ASAN)
	__lsan_register_root_region(slab->base, slab->count * pool->size);
#endif
	duet__list_append(&pool->open, &slab->node);
	pool->slabs++;
	pool->idle_slabs++;
	return slab;
}

static duet__stack *carve(duet__stacks *pool, struct duet__slab *slab)
{
	size_t index = slab->carved;
	char *low = slab->base + index * pool->size;
	size_t offset = sizeof(duet__stack) + (index % COLOURS) * COLOUR_STEP;
	duet__stack *s = (duet__stack *)(((uintptr_t)low + pool->size - offset) & ~(uintptr_t)63);

	if (set_guard(pool, low) != 0)
		return NULL;
	slab->carved++;
	*s = (duet__stack){.slab = slab, .low = low + GUARD};
#if defined(DUET__VALGRIND)
	s->watch_id = VALGRIND_STACK_REGISTER(s->low, (char *)s);
#endif
	return s;
}

void duet__stacks_init(duet__stacks *pool, size_t size)
{
	if (size < DUET__STACK_MIN)
		size = DUET__STACK_MIN;
	*pool = (duet__stacks){.size = (size + PAGE - 1) & ~(size_t)(PAGE - 1)};
	duet__list_init(&pool->open);
	duet__list_init(&pool->full);
}

void duet__stacks_fini(duet__stacks *pool)
{
	DUET__LIST_EACH (node, &pool->open) {
		slab_free(pool, duet__container_of(node, struct duet__slab, node));
	}
	DUET__LIST_EACH (node, &pool->full) {
		slab_free(pool, duet__container_of(node, struct duet__slab, node));
	}
}

duet__stack *duet__stack_acquire(duet__stacks *pool)
{
	duet__list *node = duet__list_first(&pool->open);
	struct duet__slab *slab = NULL;
	duet__stack *s;

	if (node != NULL)
		slab = duet__container_of(node, struct duet__slab, node);
	else
		slab = slab_new(pool);
	if (slab == NULL)
		return NULL;
	s = slab->free;
	if (s != NULL)
		slab->free = s->next_free;
	else
		s = carve(pool, slab);
	if (s == NULL)
		return NULL;
	if (slab->live++ == 0)
		pool->idle_slabs--;
	pool->live++;
	if (slab->free == NULL && slab->carved == slab->count) {
		duet__list_remove(&slab->node);
		duet__list_append(&pool->full, &slab->node);
	}
	return s;
}

void duet__stack_release(duet__stack *s)
{
	struct duet__slab *slab = s->slab;
	duet__stacks *pool = slab->pool;
	bool was_full = slab->free == NULL && slab->carved == slab->count;

	s->next_free = slab->free;
	slab->free = s;
	pool->live--;
	if (--slab->live == 0)
		pool->idle_slabs++;
	if (was_full) {
		duet__list_remove(&slab->node);
		duet__list_append(pool->open.next, &slab->node); /* first: its stacks are warm */
	}
}

void duet__stacks_trim(duet__stacks *pool)
{
	DUET__LIST_EACH (node, &pool->open) {
		struct duet__slab *slab = duet__container_of(node, struct duet__slab, node);
		if (pool->idle_slabs <= KEEP_IDLE_SLABS)
			return;
		if (slab->live == 0) {
			pool->idle_slabs--;
			slab_free(pool, slab);
		}
	}
}

bool duet__stack_is_overrun(const duet__stack *s, const void *address)
{
	uintptr_t at = (uintptr_t)address, low = (uintptr_t)s->low;

	return at < low && at >= low - GUARD;
}

size_t duet__stack_high_water(const duet__stack *s)
{
	char *high = (char *)(((uintptr_t)s + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
	size_t pages = (size_t)(high - s->low) / PAGE;
	unsigned char *resident = malloc(pages);
	size_t first = 0;

	if (resident == NULL || mincore(s->low, pages * PAGE, resident) != 0) {
		free(resident);
		return 0;
	}
	while (first < pages && (resident[first] & 1) == 0)
		first++;
	free(resident);
	return (size_t)((const char *)s - s->low) - first * PAGE;
}
