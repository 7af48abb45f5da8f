/* A mutex: one task at a time.  Tasks switch only where they suspend, so data that is touched
 * between two suspensions needs none; take one to keep others out while you wait for something.
 *
 *     if ((r = duet_mutex_lock(m)) < 0)
 *             return r;                          // not locked: nothing to undo
 *     r = refresh_token(server);                 // may suspend; others wait their turn
 *     duet_mutex_unlock(m);
 *
 * Life: new -> lock/unlock -> free.  It belongs to the task that locked it.  Unlocking hands it
 * straight to whoever waits longest, so no newcomer can overtake. */
#ifndef DUET_MUTEX_H
#define DUET_MUTEX_H

#include <duet/api.h>
#include <duet/task.h>

typedef struct duet_mutex duet_mutex;

DUET_BEGIN_DECLS

/* -> gives a mutex, or NULL with errno ENOMEM.  Anywhere. */
DUET_API duet_mutex *duet_mutex_new(void);

/* Suspends while another task has it.
 * -> 0, -EDEADLK (the caller has it already), DUET_ECANCELED, DUET_ENOTASK, DUET_ECLOSED (freed
 * meanwhile), -EINVAL (m is NULL).  The caller has it after 0 only. */
DUET_SUSPENDS DUET_API int duet_mutex_lock(duet_mutex *m);

/* The same without waiting.  -> 0, -EAGAIN (another task has it), -EDEADLK, DUET_ENOTASK, -EINVAL */
DUET_API int duet_mutex_try_lock(duet_mutex *m);

/* Never suspends, so it works in a cancelled task too.
 * -> 0, -EINVAL (the caller does not have it, or m is NULL) */
DUET_API int duet_mutex_unlock(duet_mutex *m);

/* Lent: the task that has it, or NULL. */
DUET_API duet_task *duet_mutex_owner(const duet_mutex *m);

/* Tasks still waiting for it get DUET_ECLOSED.  NULL is fine. */
DUET_API void duet_mutex_free(duet_mutex *m);

DUET_END_DECLS

#endif
