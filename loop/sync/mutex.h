/* What the condition needs of the mutex. */
#ifndef DUET_SYNC_MUTEX_H
#define DUET_SYNC_MUTEX_H

#include <duet/mutex.h>

/* Takes m for the calling task, in its turn, whether the task is cancelled or not.
 * -> 0, DUET_ECLOSED (m was freed), DUET_ECANCELED (the loop breaks up a deadlock): not taken */
int duet__mutex_retake(duet_mutex *m);

#endif
