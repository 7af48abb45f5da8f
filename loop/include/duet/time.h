/* Time is a signed count of nanoseconds, and always a duration or a reading of the monotonic
 * clock: setting the wall clock changes nothing here.
 *
 *     duet_sleep(DUET_MS(250));
 *     duet_scope_enter(&s, DUET_S(1.5));
 */
#ifndef DUET_TIME_H
#define DUET_TIME_H

#include <duet/api.h>

typedef int64_t duet_time;

#define DUET_US(n)   ((duet_time)((n)*INT64_C(1000)))
#define DUET_MS(n)   ((duet_time)((n)*INT64_C(1000000)))
#define DUET_S(n)    ((duet_time)((n)*INT64_C(1000000000)))
#define DUET_FOREVER INT64_MAX

DUET_BEGIN_DECLS

/* The loop's clock, from an arbitrary start.  Inside duet_run: that run's clock, which may be
 * virtual; elsewhere CLOCK_MONOTONIC.  Any thread. */
DUET_API duet_time duet_now(void);

DUET_END_DECLS

#endif
