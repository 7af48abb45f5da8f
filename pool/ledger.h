/* The ledger: which call waits, and which worker holds which call.  Pure bookkeeping: it sends
 * nothing, knows no time but what it is told, and can be tested against a model.
 *
 *                     hand                      result
 *     QUEUED ──────────────────────▶ HELD ─────────────────▶ OVER
 *       ▲   ◀──────────────────────   │ │                      ▲
 *       │     take_back (not started) │ └── lost (started) ────┤  which the pool may submit again
 *       └──── lost (not started) ─────┘                        │
 *     QUEUED or HELD ─────────────── drop ─────────────────────┘
 *
 * A worker's hand holds its calls by ticket.  A ticket is taken until the worker answers for it:
 * also when its call was dropped or taken back meanwhile, so that a late answer can never meet
 * another call; and as long it keeps the input of a call that was dropped when it ran.  Ids are
 * never used twice.
 *
 * Invariants: a call is in exactly one place; a hand's calls are in the order in which the worker
 * runs them; of those only the first can be running. */
#ifndef DUET_POOL_LEDGER_H
#define DUET_POOL_LEDGER_H

#include "ipc/board.h"
#include "loop/core/list.h"

#include <duet/bytes.h>
#include <duet/time.h>

struct duet__block;
struct duet__worker;

enum { DUET__LEVELS = 16, DUET__NO_TICKET = 0xffff };

typedef enum duet__call_state {
	DUET__CALL_NEW = 0,
	DUET__CALL_QUEUED,
	DUET__CALL_HELD,
	DUET__CALL_OVER,
} duet__call_state;

/* One call, in the frame of the task that makes it. */
typedef struct duet__call {
	duet__list node; /* in a level of the queue, in a hand's order, or in none              */
	uint64_t id;     /* a new one each time it is handed to a worker                        */
	duet__call_state state;
	uint16_t ticket;
	uint16_t job;            /* index of its function                                       */
	uint8_t level;           /* 0 .. DUET__LEVELS - 1, higher first                         */
	bool expired;            /* asked to stop; the grace is running                         */
	int retries, deaths;     /* how many are allowed, how many there were                   */
	struct duet__hand *hand; /* HELD: whose                                                 */
	duet_time queued;        /* since when                                                  */
	duet_time handed;        /* HELD: since when                                            */
	duet_time timeout;       /* of the run; DUET_FOREVER = none                             */
	duet_bytes in;
	struct duet__block *block; /* our copy of `in` in the arena, or NULL                    */

	int result;
	duet_buf out;
	char *words; /* of a failure, malloced; NULL = those of the code                        */
	void (*over)(struct duet__call *call); /* its result is there; may free the call        */
	void (*on_progress)(void *context, double fraction);
	void *context;
} duet__call;

typedef struct duet__hand {
	duet__list order;
	size_t count;                     /* calls in order                                    */
	size_t taken;                     /* tickets, including those of calls that have gone  */
	uint64_t ids[DUET__TICKETS];      /* 0 = the ticket is free                            */
	duet__call *calls[DUET__TICKETS]; /* NULL = the call has gone                          */
	struct duet__block *lent[DUET__TICKETS]; /* what its job may still read, or NULL       */
	_Atomic uint32_t *claims;  /* on the worker's board                             */
	_Atomic uint64_t *running; /* there, too; or NULL                               */
	uint64_t answered;         /* the id answered last                              */
	unsigned next;             /* ticket to try first                               */
} duet__hand;

typedef struct duet__ledger {
	duet__list levels[DUET__LEVELS];
	uint32_t waiting_levels; /* bit per level that is not empty                             */
	size_t queued, held;
	uint64_t last_id;
} duet__ledger;

void duet__ledger_init(duet__ledger *l);
void duet__hand_init(duet__hand *h, _Atomic uint32_t *claims);
void duet__hand_fini(duet__hand *h); /* the worker is dead */

/* At the end of its level, or (`first`) at its head. */
void duet__ledger_submit(duet__ledger *l, duet__call *call, duet_time now, bool first);

/* The call to be handed out next, or NULL: of the highest level, where each second of waiting
 * lifts a call by one. */
duet__call *duet__ledger_next(const duet__ledger *l, duet_time now);

/* Gives a queued call to the hand -> false: it has no ticket left. */
bool duet__ledger_hand(duet__ledger *l, duet__hand *h, duet__call *call);

/* The worker's answer for a ticket.  -> whether it was awaited (what a worker says is not believed,
 * and may be heard twice); *call is then the call, now OVER, or NULL if it has gone. */
bool duet__ledger_answer(duet__ledger *l, duet__hand *h, unsigned ticket, uint64_t id,
			 duet__call **call);

/* The call of a ticket without ending it, or NULL. */
duet__call *duet__hand_find(const duet__hand *h, unsigned ticket, uint64_t id);

/* Queues a held call again, at the head -> false: the worker has started it. */
bool duet__ledger_take_back(duet__ledger *l, duet__call *call, duet_time now);

/* Ends a call from outside -> the hand whose worker is at it and must be stopped, or NULL. */
duet__hand *duet__ledger_drop(duet__ledger *l, duet__call *call);

/* The worker is dead: queues what it had not started again, and moves the calls that it had, now
 * OVER, to *lost.  A claim that makes no sense is judged by the job begun last, as jobs are begun
 * in order; if that makes no sense either, the call is lost. */
void duet__ledger_lost(duet__ledger *l, duet__hand *h, duet_time now, duet__list *lost);

static inline duet__call *duet__call_of(duet__list *node)
{
	return duet__container_of(node, duet__call, node);
}

/* What the worker is at, or about to be; NULL if its hand is empty. */
static inline duet__call *duet__hand_first(const duet__hand *h)
{
	duet__list *first = duet__list_first(&h->order);
	return first != NULL ? duet__call_of(first) : NULL;
}

static inline bool duet__call_is_started(const duet__call *c)
{
	return (atomic_load(&c->hand->claims[c->ticket]) & DUET__CLAIM_STARTED) != 0;
}

#endif
