/* The board: the page that one worker and the parent both write, with atomics only.  Everything a
 * death must not take with it stands here: which jobs were started, and results not yet sent.
 *
 *     claim[ticket]   OFFERED --worker--> STARTED           the job runs, or its result is lost
 *                     OFFERED --parent--> REVOKED           taken back: the worker skips it
 *                     STARTED | CANCEL    by the parent     please stop (duet_job_cancelled)
 *     running         id of the job begun last: says which, should the claims be spoilt
 *     lease[slot]     1 while the parent reads a region of the worker's arena, 0 given back
 *     outbox[2]       result frames, filled in turn; the one before `current` may still be on its
 *                     way, so the last two messages can always be read here
 *
 * The parent takes every value for hostile: the worst a worker can do is harm its own jobs. */
#ifndef DUET_IPC_BOARD_H
#define DUET_IPC_BOARD_H

#include "ipc/frame.h"

#include <stdatomic.h>
#include <stdbool.h>

enum {
	DUET__TICKETS = 512, /* jobs a worker may hold                                          */
	DUET__LEASES = 1024, /* reply regions in the parent's hands                             */
};

enum {
	DUET__CLAIM_OFFERED = 1,
	DUET__CLAIM_STARTED = 2,
	DUET__CLAIM_REVOKED = 4,
	DUET__CLAIM_CANCEL = 8, /* a bit beside STARTED */
};

typedef struct duet__outbox {
	_Atomic uint32_t version;   /* odd while it is being emptied                            */
	_Atomic uint32_t committed; /* bytes of whole frames                                    */
	unsigned char frames[DUET__MESSAGE_MAX] __attribute__((aligned(64)));
} duet__outbox;

typedef struct duet__board {
	_Atomic uint32_t claim[DUET__TICKETS];
	_Atomic uint8_t lease[DUET__LEASES];
	_Atomic uint32_t current; /* the outbox being filled: 0 or 1                            */
	duet__outbox outbox[2];
	_Atomic uint64_t running; /* far from the claims                                     */
} duet__board;

/* Worker: false if the job was taken back. */
static inline bool duet__board_start(_Atomic uint32_t *claim)
{
	uint32_t offered = DUET__CLAIM_OFFERED;
	return atomic_compare_exchange_strong(claim, &offered, DUET__CLAIM_STARTED);
}

/* Parent: the same race from the other side; true if the job will not start. */
static inline bool duet__board_revoke(_Atomic uint32_t *claim)
{
	uint32_t offered = DUET__CLAIM_OFFERED;
	return atomic_compare_exchange_strong(claim, &offered, DUET__CLAIM_REVOKED) ||
	       offered == DUET__CLAIM_REVOKED;
}

#endif
