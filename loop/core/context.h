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
 * The sanitizers must hear of each switch; what they need is kept here, so that no caller knows. */
#ifndef DUET_CORE_CONTEXT_H
#define DUET_CORE_CONTEXT_H

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

/* Of the flow that is running now. */
void duet__context_init_running(duet__context *c);
void duet__context_fini_running(duet__context *c);

/* Prepares c to call entry() on the stack [low, high).  entry must not return, and calls
 * duet__context_entered first of all. */
void duet__context_make(duet__context *c, void *low, void *high, void (*entry)(void));
void duet__context_entered(duet__context *c, duet__context *main);

/* Goes on at `to`; returns when somebody switches to `from`. */
void duet__context_switch(duet__context *from, duet__context *to);

/* The same from a flow that has ended: its stack may be used again as soon as `to` runs. */
void duet__context_leave(duet__context *from, duet__context *to) __attribute__((noreturn));

/* A flow that has ended hands its stack, on which it still runs, to one that never ran. */
void duet__context_adopt(duet__context *heir, duet__context *dead);

#endif
