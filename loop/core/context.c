#include "loop/core/context.h"

#include <stdint.h>
#include <string.h>

_Thread_local duet__exceptions *duet__exceptions_here;

/* Of the C++ ABI; NULL unless the program brings it along. */
extern void *__cxa_get_globals(void) __attribute__((weak));

#if defined(DUET__CONTEXT_UCONTEXT)

static void machine_init_running(duet__context *c)
{
	static _Thread_local ucontext_t machine; /* a thread runs one loop at a time */

	c->machine = &machine;
}

static void machine_make(duet__context *c, char *low, char *high, void (*entry)(void))
{
	uintptr_t top = ((uintptr_t)high - sizeof(ucontext_t)) & ~(uintptr_t)63;

	c->machine = (ucontext_t *)top;
	getcontext(c->machine);
	c->machine->uc_stack.ss_sp = low;
	c->machine->uc_stack.ss_size = (size_t)(top - (uintptr_t)low);
	c->machine->uc_link = NULL;
	makecontext(c->machine, entry, 0);
}

static void machine_fini_running(duet__context *c)
{
	c->machine = NULL;
}

static inline void machine_adopt(duet__context *heir, duet__context *dead)
{
	heir->machine = dead->machine;
}

#else

void duet__context_start(void);

static void machine_init_running(duet__context *c)
{
	c->sp = NULL;
}

static void machine_fini_running(duet__context *c)
{
	c->sp = NULL;
}

static void machine_make(duet__context *c, char *low, char *high, void (*entry)(void))
{
	uintptr_t *top = (uintptr_t *)((uintptr_t)high & ~(uintptr_t)15);

	(void)low;
#if defined(__x86_64__)
	enum { START, ENTRY, WORDS = 4 };
	top -= WORDS; /* a multiple of 16 when the first frame has popped them */
	top[START] = (uintptr_t)duet__context_start;
	top[ENTRY] = (uintptr_t)entry;
	top[ENTRY + 1] = 0;
	top[ENTRY + 2] = 0;
#else
	enum { X19 = 0, X30 = 11, WORDS = 20 };
	top -= WORDS;
	memset(top, 0, WORDS * sizeof(*top));
	top[X19] = (uintptr_t)entry;
	top[X30] = (uintptr_t)duet__context_start;
#endif
	c->sp = top;
}

static inline void machine_adopt(duet__context *heir, duet__context *dead)
{
	(void)heir, (void)dead; /* heir saves its own sp when it first suspends */
}

#endif

void duet__context_init_running(duet__context *c)
{
	memset(c, 0, sizeof(*c));
	duet__exceptions_here = __cxa_get_globals != NULL ? __cxa_get_globals() : NULL;
	machine_init_running(c);
#if defined(DUET__TSAN)
	c->fiber = __tsan_get_current_fiber();
#endif
}

void duet__context_fini_running(duet__context *c)
{
	machine_fini_running(c);
}

void duet__context_make(duet__context *c, void *low, void *high, void (*entry)(void))
{
	machine_make(c, low, high, entry);
#if defined(DUET__ASAN)
	__asan_unpoison_memory_region(low, (size_t)((char *)high - (char *)low));
	c->fake_stack = NULL;
	c->bottom = low;
	c->size = (size_t)((char *)high - (char *)low);
#endif
#if defined(DUET__TSAN)
	c->fiber = __tsan_create_fiber(0);
#endif
}

void duet__context_entered(duet__context *c, duet__context *main)
{
	(void)c, (void)main;
	if (duet__exceptions_here != NULL) /* those of whoever switched here */
		*duet__exceptions_here = (duet__exceptions){0};
#if defined(DUET__ASAN)
	const void *bottom;
	size_t size;
	__sanitizer_finish_switch_fiber(NULL, &bottom, &size);
	if (main->bottom == NULL) { /* the first switch of a run always comes from main */
		main->bottom = bottom;
		main->size = size;
	}
#endif
}

#if defined(DUET__TSAN)
/* A fiber cannot be destroyed from itself: the next one to leave does it. */
static _Thread_local void *left_fiber;
#endif

void duet__context_leave(duet__context *from, duet__context *to)
{
#if defined(DUET__ASAN)
	__sanitizer_start_switch_fiber(NULL, to->bottom, to->size);
#endif
#if defined(DUET__TSAN)
	if (left_fiber != NULL)
		__tsan_destroy_fiber(left_fiber);
	left_fiber = from->fiber;
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	duet__context_jump(from, to);
	__builtin_unreachable();
}

void duet__context_adopt(duet__context *heir, duet__context *dead)
{
	machine_adopt(heir, dead);
#if defined(DUET__ASAN)
	heir->fake_stack = NULL;
	heir->bottom = dead->bottom;
	heir->size = dead->size;
#endif
#if defined(DUET__TSAN)
	heir->fiber = dead->fiber;
#endif
}
