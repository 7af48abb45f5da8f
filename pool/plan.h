/* The plan: all that a worker will need, settled before anything is forked.  The zygote and the
 * workers inherit it with their memory; it never travels. */
#ifndef DUET_POOL_PLAN_H
#define DUET_POOL_PLAN_H

#include "ipc/channel.h"

#include <duet/pool.h>

enum { DUET__TOKEN_SIZE = 16 };

typedef struct duet__plan {
	duet_pool_options options;
	const duet__transport *transport;
	unsigned char token[DUET__TOKEN_SIZE]; /* a worker proves with it that it is ours       */
	char directory[64];                    /* of the transport, mode 0700; "" = none        */
	int arena_fd;                          /* inputs: the workers map it read-only          */
	bool may_wait_awake; /* there is a core for each of two that wait for each other */
	size_t arena_size;
	size_t replies_size; /* of each worker's arena                        */
} duet__plan;

#endif
