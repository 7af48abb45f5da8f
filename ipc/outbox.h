/* Results on their way from a worker to its parent.
 *
 * The worker appends a frame per result and sends the whole when it is worth it; the parent can
 * read what was appended at any time, without the worker's help: of a dead one, so that a finished
 * job is never lost, and of one that is busy with a long job, so that none waits behind it. */
#ifndef DUET_IPC_OUTBOX_H
#define DUET_IPC_OUTBOX_H

#include "ipc/board.h"
#include "ipc/channel.h"

/* Worker.  Appends; sends what is there first if the frame does not fit.  -> 0, or the channel's
 * error */
int duet__outbox_put(duet__board *b, duet__channel *c, const duet__frame *f);

/* Worker.  Sends all, if there is anything, waiting for room.  -> 0, or the channel's error */
int duet__outbox_flush(duet__board *b, duet__channel *c);

static inline bool duet__outbox_is_empty(const duet__board *b)
{
	uint32_t at = atomic_load_explicit(&b->current, memory_order_relaxed) & 1;
	return atomic_load_explicit(&b->outbox[at].committed, memory_order_relaxed) == 0;
}

/* Parent.  Copies outbox `which` to `to` (DUET__MESSAGE_MAX bytes) -> bytes, 0 if there is nothing
 * or the worker was just changing it. */
size_t duet__outbox_peek(duet__board *b, unsigned which, void *to);

#endif
