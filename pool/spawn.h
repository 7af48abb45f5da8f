/* The two forks of this library.  Each is: flush nothing, fork, settle the child, never return. */
#ifndef DUET_POOL_SPAWN_H
#define DUET_POOL_SPAWN_H

#include "pool/zygote.h"

/* In the parent.  -> the zygote's pid, -errno */
pid_t duet__spawn_zygote(const duet__plan *plan, int control);

/* In the zygote.  -> the worker's pid, -errno */
pid_t duet__spawn_worker(const duet__plan *plan, const duet__order *order);

#endif
