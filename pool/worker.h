/* A worker: takes jobs from its channel one after the other, and answers. */
#ifndef DUET_POOL_WORKER_H
#define DUET_POOL_WORKER_H

#include "pool/zygote.h"

/* The exit status of a worker whose start hook failed, or that could not enter its sandbox. */
enum { DUET__EXIT_START = 113, DUET__EXIT_SANDBOX = 114 };

/* Runs until the parent says stop or is gone.  Called once, in a process fresh from the fork. */
_Noreturn void duet__worker_run(const duet__plan *plan, const duet__order *order);

#endif
