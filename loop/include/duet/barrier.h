/* A barrier: tasks wait for each other until all parties are there, then go on together.
 *
 *     int place = duet_barrier_wait(b);          // 0 for who came first, parties - 1 for the last
 *     if (place == 0)
 *             start_next_round();
 *
 * Life: new -> wait, round after round -> free.  A task that is cancelled while it waits leaves
 * its place to whoever comes next: the others keep waiting, and the places of a round are always
 * 0 .. parties - 1, each once. */
#ifndef DUET_BARRIER_H
#define DUET_BARRIER_H

#include <duet/api.h>

typedef struct duet_barrier duet_barrier;

DUET_BEGIN_DECLS

/* -> gives a barrier, or NULL with errno ENOMEM or EINVAL (parties is 0 or above INT_MAX) */
DUET_API duet_barrier *duet_barrier_new(size_t parties);

/* Suspends until `parties` tasks wait; the last one does not suspend.
 * -> the caller's place in the order of arrival, DUET_ECANCELED, DUET_ENOTASK, DUET_ECLOSED
 * (aborted, or freed meanwhile), -EINVAL (b is NULL) */
DUET_SUSPENDS DUET_API int duet_barrier_wait(duet_barrier *b);

DUET_API size_t duet_barrier_waiting(const duet_barrier *b);

/* Somebody will never come: waiting tasks, and those that come later, get DUET_ECLOSED. */
DUET_API void duet_barrier_abort(duet_barrier *b);

/* Sends waiting tasks away with DUET_ECLOSED and starts anew, also after an abort. */
DUET_API void duet_barrier_reset(duet_barrier *b);

/* Tasks still waiting get DUET_ECLOSED.  NULL is fine. */
DUET_API void duet_barrier_free(duet_barrier *b);

DUET_END_DECLS

#endif
