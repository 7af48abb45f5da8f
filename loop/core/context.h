/* A context: where a suspended flow of control goes on.  Switching saves the callee-saved
 * registers on the old stack and loads them from the new one; the floating point control words
 * (mxcsr, x87, fpcr) are not part of it, so a task that changes the rounding mode sets it back
 * before it suspends.
 *
 *   a stack that never ran                  a suspended stack
 *
 *   high ┌──────────────────────┐          ┌──────────────────────┐ high
 *        │ struct duet__stack   │          │ struct duet__stack   │
 *        ├──────────────────────┤          ├──────────────────────┤
 *        │ duet__context_start  │          │ frames of the task   │
 *        │ entry in a register  │          │ return address       │
 *     sp │ zeros                │       sp │ saved registers      │
 *        ├──────────────────────┤          ├──────────────────────┤
 *    low │ guard                │      low │ guard                │
 *        └──────────────────────┘          └──────────────────────┘
 *
 * What the C++ runtime keeps of the exceptions that a thread handles is part of it, in programs that
 * have that runtime: a task may suspend in a catch block or in a destructor.
 *
 * The sanitizers must hear of each switch; what they need is kept here, so that no caller knows. */
#ifndef DUET_CORE_CONTEXT_H
#define DUET_CORE_CONTEXT_H

#include "loop/core/list.h"
#include "loop/core/sanitizer.h"
#include <stddef.h>

#if defined(DUET_UCONTEXT) || !(defined(__x86_64__) || defined(__aarch64__))
#define DUET__CONTEXT_UCONTEXT 1
#include <ucontext.h>
#endif

typedef struct duet__context {
#if defined(DUET__CONTEXT_UCONTEXT)
	ucontext_t *machine; /* on the context's own stack, or the loop's for the main one */
#else
	void *sp;
#endif
#if defined(DUET__ASAN)
	void *fake_stack;
	const void *bottom;
	size_t size;
#endif
#if defined(DUET__TSAN)
	void *fiber;
#endif
} duet__context;

/* The beginning of __cxa_eh_globals, as the C++ ABI lays it down. */
typedef struct duet__exceptions {
	void *caught;
	unsigned uncaught;
} duet__exceptions;

/* Those of this thread; NULL: the program has no C++ runtime. */
extern _Thread_local duet__exceptions *duet__exceptions_here
	__attribute__((tls_model("initial-exec")));

/* A hint that c will be switched to. */
static inline DUET__HINT void duet__context_prefetch(const duet__context *c)
{
#if defined(DUET__CONTEXT_UCONTEXT)
	__builtin_prefetch(c->machine);
#else
	__builtin_prefetch(c->sp);
	__builtin_prefetch((const char *)c->sp + 64);
#endif
}

/* Of the flow that is running now. */
void duet__context_init_running(duet__context *c);
void duet__context_fini_running(duet__context *c);

/* Prepares c to call entry() on the stack [low, high).  entry must not return, and calls
 * duet__context_entered first of all. */
void duet__context_make(duet__context *c, void *low, void *high, void (*entry)(void));
void duet__context_entered(duet__context *c, duet__context *main);

#if defined(DUET__CONTEXT_UCONTEXT)
static inline void duet__context_jump(duet__context *from, duet__context *to)
{
	swapcontext(from->machine, to->machine);
}
#elif defined(__x86_64__)
/* Inline and without a call, so that calls and returns stay paired for the processor's return
 * predictor: between tasks that wait in the same place nothing is mispredicted.  The compiler saves
 * what it needs of the clobbered registers; only %rbp, which it cannot give up, is saved here.
 * Below the stack pointer 128 bytes may be in use (the red zone). */
static inline __attribute__((always_inline)) void duet__context_jump(duet__context *from,
								     duet__context *to)
{
	void **save = &from->sp;
	void *load = to->sp;

	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
			 "pushq %%rbp\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "movq %%rsp, (%0)\n\t"
			 "movq %1, %%rsp\n\t"
			 "popq %%rax\n\t"
			 "notrack jmp *%%rax\n"
			 "1:\n\t"
			 "popq %%rbp\n\t"
			 "leaq 128(%%rsp), %%rsp"
			 : "+D"(save), "+S"(load)
			 :
			 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",
			   "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15", "cc", "memory");
}
#else
void duet__context_swap(void **save_sp, void *load_sp);

static inline void duet__context_jump(duet__context *from, duet__context *to)
{
	duet__context_swap(&from->sp, to->sp);
}
#endif

/* Goes on at `to`; returns when somebody switches to `from`.  Inline, because each function that
 * returns after a switch costs a mispredicted ret. */
static inline void duet__context_switch(duet__context *from, duet__context *to)
{
	duet__exceptions exceptions;

	if (__builtin_expect(duet__exceptions_here != NULL, 0))
		exceptions = *duet__exceptions_here;
#if defined(DUET__ASAN)
	__sanitizer_start_switch_fiber(&from->fake_stack, to->bottom, to->size);
#endif
#if defined(DUET__TSAN)
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	duet__context_jump(from, to);
#if defined(DUET__ASAN)
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
	if (__builtin_expect(duet__exceptions_here != NULL, 0))
		*duet__exceptions_here = exceptions;
}

/* The same from a flow that has ended: its stack may be used again as soon as `to` runs. */
void duet__context_leave(duet__context *from, duet__context *to) __attribute__((noreturn));

/* A flow that has ended hands its stack, on which it still runs, to one that never ran. */
void duet__context_adopt(duet__context *heir, duet__context *dead);

#endif
