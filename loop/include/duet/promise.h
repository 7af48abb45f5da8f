/* A promise: one result that comes later, from code that knows callbacks rather than tasks.
 *
 *     static void on_done(int status, void *p)   // a C library's callback, on the loop's thread
 *     {
 *             duet_promise_resolve(p, status, NULL);
 *     }
 *     ...
 *     duet_promise *p = duet_promise_new(NULL);
 *     lib_start(request, on_done, p);
 *     r = duet_promise_await(p, NULL);           // suspends until on_done: its status
 *     duet_promise_free(p);
 *
 * If the callback comes on another thread, give that thread a resolver instead:
 *
 *     duet_resolver *answer = duet_promise_resolver(p);
 *     lib_start(request, on_done_elsewhere, answer);      // calls duet_resolver_resolve once
 *
 * Life: new -> resolve, once -> await, any number of times, in any number of tasks -> free.  A
 * resolver may come too late, after the promise was freed or the run has ended: nothing breaks,
 * and its value is handed to discard.  While one is out, waiting for its promise is no deadlock. */
#ifndef DUET_PROMISE_H
#define DUET_PROMISE_H

#include <duet/api.h>

typedef struct duet_promise duet_promise;
typedef struct duet_resolver duet_resolver;

DUET_BEGIN_DECLS

/* discard (may be NULL) gets a value, if it is not NULL, that no await has given out by the time
 * the promise is freed, or that came too late: on the loop's thread, or on the resolver's once the
 * run is over.  -> gives a promise, or NULL with errno ENOMEM.  Anywhere. */
DUET_API duet_promise *duet_promise_new(void (*discard)(void *value));

/* On the loop's thread, in a task or not.
 * -> 0, -EALREADY (resolved before: value stays the caller's), -EINVAL (p is NULL) */
DUET_API int duet_promise_resolve(duet_promise *p, int result, void *value);

/* Suspends until p is resolved.  Sets *value, whatever the result; value may be NULL.
 * -> the result it was resolved with, DUET_ECANCELED, DUET_ENOTASK, DUET_ECLOSED (freed meanwhile,
 * or a resolver was dropped), -EINVAL (p is NULL) */
DUET_SUSPENDS DUET_API int duet_promise_await(duet_promise *p, void **value);

DUET_API bool duet_promise_is_resolved(const duet_promise *p);

/* Tasks still waiting get DUET_ECLOSED.  Resolvers stay valid.  NULL is fine. */
DUET_API void duet_promise_free(duet_promise *p);

/* What another thread resolves p with.  It must be given back by one of the two calls below.
 * Called in a run.  -> gives a resolver, or NULL with errno ENOMEM or EINVAL (no run here) */
DUET_API duet_resolver *duet_promise_resolver(duet_promise *p);

/* Takes r and value.  Any thread; never fails for want of memory.
 * -> 0 (on its way), DUET_ECLOSED (the run is over: value went to discard), -EINVAL (r is NULL) */
DUET_API int duet_resolver_resolve(duet_resolver *r, int result, void *value);

/* Takes r without an answer: the promise, unless resolved, resolves to DUET_ECLOSED.  Any thread.
 * NULL is fine. */
DUET_API void duet_resolver_drop(duet_resolver *r);

DUET_END_DECLS

#endif
