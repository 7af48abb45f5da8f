/* Both ends of a channel in one process: the fake with which tests play the worker. */
#ifndef DUET_IPC_MEM_H
#define DUET_IPC_MEM_H

#include "ipc/channel.h"

extern const duet__transport duet__transport_mem;

/* The other end of a channel that duet__transport_mem opened. */
duet__channel *duet__mem_other_end(duet__channel *c);

#endif
