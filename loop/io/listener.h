/* Whoever works with a listener over several calls keeps it from being freed by a close in between:
 * it stays, closed, until the last has let go. */
#ifndef DUET_IO_LISTENER_H
#define DUET_IO_LISTENER_H

#include <duet/stream.h>

void duet__listener_hold(duet_listener *l);
void duet__listener_release(duet_listener *l);

#endif
