/* A channel: elements of one type travel from senders to receivers, by copy, and the end of the
 * senders is the end of the loop that receives: what `async for` is elsewhere.
 *
 *     duet_sender *tx;
 *     duet_receiver *rx;
 *     duet_channel_open(sizeof(struct word), 8, &tx, &rx);
 *     duet_group_spawn(g, speak, tx);            // sends, then duet_sender_close(tx)
 *     while ((r = duet_channel_recv(rx, &word)) == 1)
 *             print(&word);                      // r: 0 at the end, < 0 when cancelled
 *     duet_receiver_close(rx);
 *
 * Life: open -> clone a handle for each task that needs one -> send/recv -> close every handle.
 * Each handle has one owner; the channel goes with the last of them.  First come, first served on
 * both sides.  An element is never lost or doubled by a cancellation.  All calls on the loop's
 * thread. */
#ifndef DUET_CHANNEL_H
#define DUET_CHANNEL_H

#include <duet/api.h>

typedef struct duet_sender duet_sender;
typedef struct duet_receiver duet_receiver;

DUET_BEGIN_DECLS

/* capacity: elements inside before a send waits; 0: a send waits until a receiver has it;
 * DUET_UNBOUNDED (of <duet/queue.h>): never.
 * -> 0 and gives two handles, -ENOMEM, -EINVAL (element_size is 0, or so large that the capacity
 * cannot be addressed) */
DUET_API int duet_channel_open(size_t element_size, size_t capacity, duet_sender **sender,
			       duet_receiver **receiver);

/* One more handle of the same side.  -> gives it, or NULL with errno ENOMEM or EINVAL (NULL) */
DUET_API duet_sender *duet_sender_clone(const duet_sender *s);
DUET_API duet_receiver *duet_receiver_clone(const duet_receiver *r);

/* Copies element in.  Suspends while the channel is full.
 * -> 0, DUET_ECLOSED (no receiver is left), DUET_ECANCELED, DUET_ENOTASK, -ENOMEM, -EINVAL (s is
 * NULL) */
DUET_SUSPENDS DUET_API int duet_channel_send(duet_sender *s, const void *element);

/* Copies the next element out.  Suspends while there is none and a sender is left.
 * -> 1 (an element), 0 (the end: all senders are closed and everything was received),
 * DUET_ECANCELED, DUET_ENOTASK, DUET_ECLOSED (another task closed the last receiver meanwhile),
 * -EINVAL (r is NULL) */
DUET_SUSPENDS DUET_API int duet_channel_recv(duet_receiver *r, void *element);

/* The same without waiting, and outside tasks too.  -> as above, and -EAGAIN */
DUET_API int duet_channel_try_send(duet_sender *s, const void *element);
DUET_API int duet_channel_try_recv(duet_receiver *r, void *element);

/* The last one ends the receivers, once they have received what is inside.  NULL is fine. */
DUET_API void duet_sender_close(duet_sender *s);

/* The last one fails the senders with DUET_ECLOSED; what is inside is dropped.  NULL is fine. */
DUET_API void duet_receiver_close(duet_receiver *r);

DUET_END_DECLS

#endif
