/* Signals as something to wait for.
 *
 *     static const int stop[] = {SIGINT, SIGTERM};
 *     int signal = duet_signal_wait(stop, 2);        // in a task of its own
 *
 * A handler is installed while somebody waits, and what was there before is put back after: in
 * between, a signal does what it did without duet.  To go on listening without a gap, wait in a task
 * that does nothing else, and have it tell the others. */
#ifndef DUET_SIGNAL_H
#define DUET_SIGNAL_H

#include <duet/api.h>

DUET_BEGIN_DECLS

/* Suspends until one of the signals is delivered to the process; every task that waits for it hears
 * of it, in every loop.  A signal that came while somebody waited for it, but that nobody was given,
 * is kept for the next wait of the run.
 * -> the signal, -EINVAL (no signals, or one that cannot be caught), -EBUSY (16 loops listen
 * already), DUET_ECANCELED, DUET_ENOTASK, -ENOMEM, -EMFILE */
DUET_SUSPENDS DUET_API int duet_signal_wait(const int signals[], size_t n);

DUET_END_DECLS

#endif
