/* Signals as something to wait for.
 *
 *     static const int stop[] = {SIGINT, SIGTERM};
 *     int signal = duet_signal_wait(stop, 2);        // in a task of its own
 *
 * A handler is installed while somebody waits, and what was there before is restored after. */
#ifndef DUET_SIGNAL_H
#define DUET_SIGNAL_H

#include <duet/api.h>

DUET_BEGIN_DECLS

/* Suspends until one of the signals is delivered to the process; every task that waits for it hears
 * of it.  One loop of the process at a time.
 * -> the signal, -EINVAL (no signals, or one that cannot be caught), DUET_ECANCELED, DUET_ENOTASK,
 * -ENOMEM */
DUET_SUSPENDS DUET_API int duet_signal_wait(const int signals[], size_t n);

DUET_END_DECLS

#endif
