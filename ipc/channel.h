/* A channel carries messages of at most DUET__MESSAGE_MAX bytes between the parent and one
 * generation of one worker, in order, each whole or not at all.  It is a table of operations, so
 * that a transport is one folder: local/ (a Unix socket pair), nng/ (a PAIR over ipc://) and mem/
 * (both ends in one process, for tests).
 *
 * Life: the parent opens its end before the worker is forked, which yields an offer: an address or
 * a descriptor that goes to the worker through the zygote.  The worker dials with it.  What is
 * sent before the other end has dialled waits.
 *
 * A channel promises order and wholeness, never delivery: what a dead worker had not read is
 * gone.  The ledger above knows which jobs those are. */
#ifndef DUET_IPC_CHANNEL_H
#define DUET_IPC_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct duet__channel duet__channel;

/* How the worker finds the parent's end. */
typedef struct duet__offer {
	int fd;            /* to be passed on and closed by the parent, or -1                   */
	char address[104]; /* or this                                                           */
} duet__offer;

typedef struct duet__transport {
	const char *name;

	/* Parent.  Opens its end for the worker called `name` ("3.1"), with the pool's private
	 * directory (NULL unless needs_directory).
	 * -> 0 and both outputs set, -ENOMEM, -EMFILE, -ENAMETOOLONG, ... */
	int (*open)(const char *directory, const char *name, duet__channel **channel,
		    duet__offer *offer);
	bool needs_directory;
	bool starts_threads; /* in the parent: nothing can be forked afterwards                 */

	/* Worker.  Takes offer->fd.  -> 0 and *channel, -errno */
	int (*dial)(const duet__offer *offer, duet__channel **channel);

	/* Never blocks -> 0, -EAGAIN (full: try again when something was received), -EPIPE (the
	 * other end is gone), -ENOMEM */
	int (*send)(duet__channel *c, const void *bytes, size_t len);

	/* -> length, -EAGAIN (nothing there; never if wait), -EPIPE (closed: what came before was
	 * received before), -EMSGSIZE (longer than size: the message is lost), -errno */
	ssize_t (*recv)(duet__channel *c, void *buf, size_t size, bool wait);

	/* A descriptor that is readable while recv has something.  The channel's own. */
	int (*fd)(duet__channel *c);

	/* The pid at the other end, or 0 while it is unknown. */
	pid_t (*peer)(duet__channel *c);

	void (*close)(duet__channel *c); /* never blocks on the other end; NULL is fine         */
} duet__transport;

/* What every implementation begins with. */
struct duet__channel {
	const duet__transport *transport;
};

extern const duet__transport duet__transport_local;
extern const duet__transport duet__transport_nng;

static inline int duet__channel_send(duet__channel *c, const void *bytes, size_t len)
{
	return c->transport->send(c, bytes, len);
}

static inline ssize_t duet__channel_recv(duet__channel *c, void *buf, size_t size, bool wait)
{
	return c->transport->recv(c, buf, size, wait);
}

static inline void duet__channel_close(duet__channel *c)
{
	if (c != NULL)
		c->transport->close(c);
}

#endif
