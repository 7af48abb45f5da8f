/* Deadlines and cancellation.  A scope bounds everything its task does between enter and exit,
 * at any call depth; scopes nest, and the tightest deadline wins.
 *
 *     duet_scope s;
 *     duet_scope_enter(&s, DUET_S(2));
 *     r = talk_to_server();            // its suspending calls fail once 2 s are over
 *     if (duet_scope_exit(&s) == DUET_ETIMEDOUT)
 *             puts("too slow");
 *
 * Cancellation is level-triggered: once the deadline has passed, or the task was cancelled, every
 * suspending call returns DUET_ECANCELED until that scope ends.  Whatever completes in the same
 * turn of the loop as the cancellation counts as completed.  Cleanup that must do I/O takes a
 * shielded scope.  A scope belongs to the task that entered it; tasks it spawns have their own. */
#ifndef DUET_SCOPE_H
#define DUET_SCOPE_H

#include <duet/api.h>
#include <duet/run.h>
#include <duet/time.h>

/* Lives on the stack, from enter to exit; its fields are private. */
typedef struct duet_scope {
	struct duet_scope *outer;
	struct duet_task *task;
	struct {
		duet_time deadline;
		uint64_t order;
		uint32_t slot;
		uint32_t flags;
		void (*fire)(void *timer);
	} timer;
	bool shield;
	bool fired;
	bool observed;
} duet_scope;

DUET_BEGIN_DECLS

/* Bounds what follows by limit (DUET_FOREVER: no deadline; <= 0: expired at once).
 * -> 0, -ENOMEM, DUET_ENOTASK, -EINVAL (NULL, or entered already).  On failure the scope is not
 * entered. */
DUET_API int duet_scope_enter(duet_scope *s, duet_time limit);

/* The same, and cancellation from outside (outer scopes, duet_cancel) cannot reach what follows;
 * only limit can. */
DUET_API int duet_scope_shield(duet_scope *s, duet_time limit);

/* Ends the innermost scope.  -> 0, DUET_ETIMEDOUT (its own limit fired and cut something short),
 * -EINVAL (s is not the caller's innermost scope) */
DUET_API int duet_scope_exit(duet_scope *s);

/* Moves the deadline of an entered scope to limit from now, unless it has fired.
 * -> 0, DUET_ETIMEDOUT (it has), -ENOMEM, -EINVAL (the task is not in it) */
DUET_API int duet_scope_reschedule(duet_scope *s, duet_time limit);

/* Whether a suspending call would now return DUET_ECANCELED.  Never suspends. */
DUET_API bool duet_cancelled(void);

/* wait_for: fn(arg) here, under a scope.  -> fn's result, DUET_ETIMEDOUT */
DUET_SUSPENDS DUET_API int duet_timeout(duet_time limit, duet_fn *fn, void *arg);

DUET_END_DECLS

#endif
