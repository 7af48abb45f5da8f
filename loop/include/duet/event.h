/* An event: a flag that tasks can wait for.
 *
 *     duet_event *ready = duet_event_new();
 *     ...
 *     duet_event_wait(ready);                    // in any number of tasks
 *     ...
 *     duet_event_set(ready);                     // all of them go on, in the order they came
 *
 * Life: new -> set/clear/wait -> free.  Whoever waits when it is set goes on, even if it is
 * cleared again before they run.  All calls on the loop's thread; from another thread, have
 * duet_post set it. */
#ifndef DUET_EVENT_H
#define DUET_EVENT_H

#include <duet/api.h>

typedef struct duet_event duet_event;

DUET_BEGIN_DECLS

/* Not set yet.  -> gives an event, or NULL with errno ENOMEM.  Anywhere. */
DUET_API duet_event *duet_event_new(void);

DUET_API void duet_event_set(duet_event *e); /* stays set until cleared */
DUET_API void duet_event_clear(duet_event *e);
DUET_API bool duet_event_is_set(const duet_event *e);

/* Suspends until it is set; returns at once if it is.
 * -> 0, DUET_ECANCELED, DUET_ENOTASK, DUET_ECLOSED (freed meanwhile), -EINVAL (e is NULL) */
DUET_SUSPENDS DUET_API int duet_event_wait(duet_event *e);

/* Tasks still waiting get DUET_ECLOSED.  NULL is fine. */
DUET_API void duet_event_free(duet_event *e);

DUET_END_DECLS

#endif
