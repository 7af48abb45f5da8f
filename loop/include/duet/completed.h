/* Tasks in the order in which they end: what as_completed is elsewhere.
 *
 *     duet_completed *done = duet_completed_open(tasks, n);
 *     while ((r = duet_completed_next(done, &t)) == 1)
 *             use(duet_await(t));
 *     duet_completed_close(done);
 *
 * Life: open -> next, until it says 0 -> close.  The tasks stay the caller's; none may be taken
 * (awaited, gathered, detached) before next has given it or the list is closed. */
#ifndef DUET_COMPLETED_H
#define DUET_COMPLETED_H

#include <duet/api.h>
#include <duet/task.h>

typedef struct duet_completed duet_completed;

DUET_BEGIN_DECLS

/* Lends the tasks; the array may go.  A NULL task counts as one that has ended, with -ENOMEM.
 * -> gives a list, or NULL with errno ENOMEM or EINVAL (no run here) */
DUET_API duet_completed *duet_completed_open(duet_task *const tasks[], size_t n);

/* Suspends until another task has ended, and sets *task to it, still to be awaited.
 * -> 1 (a task), 0 (every one has been given), DUET_ECANCELED, DUET_ENOTASK, -EINVAL (c is NULL) */
DUET_SUSPENDS DUET_API int duet_completed_next(duet_completed *c, duet_task **task);

/* The tasks not given yet go on.  NULL is fine. */
DUET_API void duet_completed_close(duet_completed *c);

DUET_END_DECLS

#endif
