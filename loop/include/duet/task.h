/* A task: a coroutine with a stack of its own, running on its thread's loop.
 *
 * Life: spawn -> (runs, suspends, returns) -> await.  One owner at a time: whoever holds the
 * handle must give it to exactly one call that takes it (await, gather, settle, race, detach).
 * What nobody took is cancelled, joined and freed when the run ends.
 *
 *     duet_task *t = duet_spawn(fetch, &page);
 *     ...
 *     int r = duet_await(t);          // takes t; fetch's result
 *
 * Of what C keeps for a thread, a task has registers and a stack of its own; errno, the floating
 * point environment and thread-local variables are the thread's.  Look at errno before the next
 * suspending call, and set the rounding mode back.  In C++ a task may throw, catch and suspend while
 * it handles an exception, but none may leave its function.
 */
#ifndef DUET_TASK_H
#define DUET_TASK_H

#include <duet/api.h>
#include <duet/run.h>
#include <duet/time.h>

typedef struct duet_task duet_task;

typedef struct duet_task_options {
	const char *name; /* shown in reports; copied; NULL = the words of the spawning call      */
	size_t stack_size; /* bytes, at most 1 GiB; 0 = the run's                                  */
	bool eager; /* run at once, up to its first suspension, instead of at the caller's  */
} duet_task_options;

DUET_BEGIN_DECLS

/* Creates a task that starts at the caller's next suspension, first in, first out.  A task that
 * is cancelled before it starts still starts: it owns arg and cleans it up as always.  Only if there
 * is no memory for its stack when its turn comes, it ends with -ENOMEM and fn is not called.
 * -> a handle, or NULL with errno ENOMEM (out of memory) or EINVAL (no run here, no fn, too large a
 * stack).  A NULL handle may be given on to every collecting call, where it counts as a task that
 * failed with -ENOMEM. */
DUET_API duet_task *duet_spawn(duet_fn *fn, void *arg);
DUET_API duet_task *duet_spawn_with(const duet_task_options *options, duet_fn *fn, void *arg);

/* Takes t; its result.  Interrupted by cancellation it cancels t, joins it and returns
 * DUET_ECANCELED; the result of a task that was done already is always returned.
 * -> t's result, -ENOMEM (t is NULL), -EDEADLK (t is the caller), -EINVAL (somebody else has it),
 * DUET_ECANCELED */
DUET_SUSPENDS DUET_API int duet_await(duet_task *t);

/* Lends t.  NULL counts as done, with -ENOMEM. */
DUET_API bool duet_done(const duet_task *t);
DUET_API int duet_result(const duet_task *t); /* -> its result, -EBUSY while it is not done */

/* A request: t's suspending calls return DUET_ECANCELED from now on.  Lends t, which is still to
 * be awaited. */
DUET_API void duet_cancel(duet_task *t);

/* The same, and joins it: -> t's result.  Takes t. */
DUET_SUSPENDS DUET_API int duet_cancel_await(duet_task *t);

/* Takes t: nobody will await it.  Its error, if it fails, is reported at the end of the run. */
DUET_API void duet_detach(duet_task *t);

DUET_API duet_task *duet_self(void); /* lent; NULL outside a task */

/* Its name: the one it was given, or its function's.  Lent, until it is set anew. */
DUET_API const char *duet_task_name(const duet_task *t);
DUET_API int duet_task_set_name(duet_task *t, const char *name); /* copies -> 0, -ENOMEM */

/* Waits t (<= 0: one yield).  -> 0, DUET_ECANCELED, DUET_ENOTASK, -ENOMEM */
DUET_SUSPENDS DUET_API int duet_sleep(duet_time t);

/* Lets every other ready task run once.  -> 0, DUET_ECANCELED, DUET_ENOTASK */
DUET_SUSPENDS DUET_API int duet_yield(void);

/* The function behind the duet_spawn macro: origin is "file.c:42 words of the call", static. */
DUET_API duet_task *duet_spawn_at(const char *origin, const duet_task_options *options, duet_fn *fn,
				  void *arg);

DUET_END_DECLS

/* The macros only add where the call stands, for reports. */
#define duet_spawn(...)      duet_spawn_at(DUET_HERE " " #__VA_ARGS__, NULL, __VA_ARGS__)
#define duet_spawn_with(...) duet_spawn_at(DUET_HERE " " #__VA_ARGS__, __VA_ARGS__)

#endif
