/* A task from the inside.  Owned by its loop, which frees it once it has ended and its result has
 * been taken (or the run ends).
 *
 *   NEW --first run--> LIVE --fn returns--> DONE --result taken--> freed
 */
#ifndef DUET_CORE_TASK_IMPL_H
#define DUET_CORE_TASK_IMPL_H

#include "loop/core/context.h"
#include "loop/core/list.h"
#include "loop/core/locals.h"
#include "loop/core/park.h"
#include "loop/core/stack.h"
#include <duet/scope.h>
#include <duet/task.h>

enum { DUET__CACHE_LINE = 64 };

enum duet__task_state { DUET__TASK_NEW, DUET__TASK_LIVE, DUET__TASK_DONE };

/* Who will take the task's result, if somebody is bound to: at most one.  ended() runs as the
 * task's last act, and may free it. */
typedef struct duet__taker {
	void (*ended)(struct duet__taker *taker, duet_task *t);
} duet__taker;

/* Somebody who wants to hear that the task ended, but does not take it. */
typedef struct duet__observer {
	duet__list node; /* in the task's observers */
	void (*ended)(struct duet__observer *observer, duet_task *t);
} duet__observer;

struct duet__words; /* fail.c */

/* What parking, waking and switching touch is the first cache line: with many tasks it is cold. */
struct duet_task {
	_Alignas(DUET__CACHE_LINE) duet__context context; /* while it does not run            */
	duet_loop *loop;
	duet__waiter *parked; /* what it waits for; NULL: it runs or is ready by itself       */
	duet_scope *scope;    /* innermost                                                    */
	duet_time since;      /* turn in which it was parked, on the loop's clock             */
	uint8_t state;
	bool ready;            /* in the ready ring                                          */
	bool cancelled;        /* a suspending call fails now: see scope.c                   */
	bool cancel_requested; /* by duet_cancel                                             */
	bool parked_shielded;  /* cancellation waits its turn                                */
	bool detached;
	int result;
	int last_error;       /* of duet_errmsg(); its words if words->code is the same      */
	duet__stack *stack;   /* from its first run to its end                              */
	duet__stacks *stacks; /* where that comes from                                      */
	duet_fn *fn;
	void *arg;
	duet__taker *taker;
	duet__list observers;
	duet__list all;     /* in the loop's list of tasks                                */
	duet__list member;  /* in its group's                                             */
	const char *origin; /* "file.c:42 words of the spawning call", static             */
	char *name;         /* its own, or NULL                                           */
	struct duet__words *words;
	struct duet__locals *locals; /* task-local values, or NULL                        */
	union {
		uint64_t ended_as; /* DONE: how many tasks of this run ended before it, plus one */
		uint32_t track;    /* before that: its place in a trace; 0: none                 */
	};
	uint32_t number;  /* in the order of spawning, from 1                            */
	uint32_t spawner; /* the number of the task that spawned it; 0: none             */
};

/* The task that runs on this thread.  Declared initial-exec: the access is one instruction. */
extern _Thread_local duet_task *duet__current __attribute__((tls_model("initial-exec")));

/* -> a task that is ready, or NULL: out of memory */
duet_task *duet__task_new(duet_loop *loop, const char *origin, const duet_task_options *options,
			  duet_fn *fn, void *arg);
void duet__task_free(duet_task *t); /* it has ended, or never began; not the main task */

/* t's function has returned, or could not be called: whoever waits for it hears of it.  May free t. */
void duet__task_end(duet_task *t, int result);

/* Asks t to end: what duet_cancel does. */
void duet__task_cancel(duet_task *t);

/* Recomputes t->cancelled, and interrupts the task's wait when it has come true. */
void duet__task_update_cancelled(duet_task *t);

/* The code of a suspending call that is refused, seen by the scopes that caused it. */
int duet__task_refuse(duet_task *t);

/* Joins t: suspends until it has ended, and cancels it first if the caller is cancelled.  t has no
 * taker yet, and is not freed.
 * -> 0, DUET_ECANCELED, DUET_EDEADLK (given up: the loop breaks up a deadlock, t lives on) */
int duet__task_join(duet_task *t);

/* Its name and where it was spawned, for people. */
void duet__task_describe(const duet_task *t, char *name, size_t size, char *site, size_t site_size);

/* schedule.c: runs t, which was just spawned, up to its first suspension. */
void duet__run_now(duet_task *t);

#endif
