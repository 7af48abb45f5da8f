/* A condition: wait, under a mutex, until another task says that something has changed.
 *
 *     duet_mutex_lock(m);                        // consumer
 *     while (stock == 0 && (r = duet_cond_wait(changed, m)) == 0)
 *             ;
 *     ...
 *     duet_mutex_unlock(m);
 *
 *     duet_mutex_lock(m);                        // producer
 *     stock++;
 *     duet_cond_signal(changed);
 *     duet_mutex_unlock(m);
 *
 * Life: new -> wait/signal/broadcast -> free.  A wait gives the mutex away while it sleeps and has
 * it again when it returns, whatever it returns: also when it was cancelled.  A signal is never
 * lost on a task that was cancelled in the same turn: its wait returns 0. */
#ifndef DUET_COND_H
#define DUET_COND_H

#include <duet/api.h>
#include <duet/mutex.h>

typedef struct duet_cond duet_cond;

DUET_BEGIN_DECLS

/* -> gives a condition, or NULL with errno ENOMEM.  Anywhere. */
DUET_API duet_cond *duet_cond_new(void);

/* The caller has m, and has it again on return (taking it back waits its turn, and cannot be
 * cancelled).  Others may have changed things since the signal: test again.
 * -> 0 (signalled), -EINVAL (the caller does not have m, or NULL), DUET_ECANCELED, DUET_ENOTASK,
 * DUET_ECLOSED (c freed meanwhile; or m was, and then the caller does not have it) */
DUET_SUSPENDS DUET_API int duet_cond_wait(duet_cond *c, duet_mutex *m);

/* Waits until ready(arg), called with m held, returns true; asks before the first wait too.
 * -> as duet_cond_wait */
DUET_SUSPENDS DUET_API int duet_cond_wait_for(duet_cond *c, duet_mutex *m, bool (*ready)(void *arg),
					      void *arg);

/* Wakes who waits longest, or all.  Nobody there: nothing happens, and nothing is remembered. */
DUET_API void duet_cond_signal(duet_cond *c);
DUET_API void duet_cond_broadcast(duet_cond *c);

/* Tasks still waiting get DUET_ECLOSED, with their mutex.  NULL is fine. */
DUET_API void duet_cond_free(duet_cond *c);

DUET_END_DECLS

#endif
