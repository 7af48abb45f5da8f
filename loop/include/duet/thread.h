/* Blocking calls, on helper threads: for libraries that know no other way.  Work that computes
 * belongs in a pool instead, where it can be stopped and cannot crash the program.
 *
 *     static int look_up(void *arg) { return old_library_look_up(arg); }
 *     ...
 *     int r = duet_to_thread(look_up, name);
 */
#ifndef DUET_THREAD_H
#define DUET_THREAD_H

#include <duet/api.h>
#include <duet/run.h>

enum { DUET_THREADS_MAX = 32 }; /* helper threads of one run; further calls wait in line */

DUET_BEGIN_DECLS

/* Runs fn(arg) on a helper thread and suspends until it has returned; the other tasks go on.  fn
 * may make no suspending call.  A running thread cannot be stopped: cancelled, this call returns at
 * once, and fn runs to its end on its own (it always runs), its result unread.  So arg must live
 * until fn is done with it, not only until this call returns.
 * -> fn's result (with its words, if it failed in a duet call), DUET_ECANCELED, DUET_ENOTASK,
 * -ENOMEM, -EAGAIN (no thread can be started) */
DUET_SUSPENDS DUET_API int duet_to_thread(duet_fn *fn, void *arg);

DUET_END_DECLS

#endif
