#include "pool/ledger.h"

#include "ipc/arena.h"

#include <assert.h>
#include <string.h>

void duet__ledger_init(duet__ledger *l)
{
	memset(l, 0, sizeof(*l));
	for (int i = 0; i < DUET__LEVELS; i++)
		duet__list_init(&l->levels[i]);
}

void duet__hand_init(duet__hand *h, _Atomic uint32_t *claims)
{
	memset(h, 0, sizeof(*h));
	duet__list_init(&h->order);
	h->claims = claims;
}

static void give_back(duet__hand *h, unsigned ticket)
{
	duet__arena_free(h->lent[ticket]);
	h->lent[ticket] = NULL;
}

void duet__hand_fini(duet__hand *h)
{
	for (unsigned i = 0; i < DUET__TICKETS; i++)
		give_back(h, i);
}

static void leave_queue(duet__ledger *l, duet__call *call)
{
	duet__list_remove(&call->node);
	if (duet__list_is_empty(&l->levels[call->level]))
		l->waiting_levels &= ~(UINT32_C(1) << call->level);
	l->queued--;
}

static void leave_hand(duet__ledger *l, duet__call *call)
{
	duet__list_remove(&call->node);
	call->hand->calls[call->ticket] = NULL;
	call->hand->count--;
	call->hand = NULL;
	l->held--;
}

void duet__ledger_submit(duet__ledger *l, duet__call *call, duet_time now, bool first)
{
	assert(call->state == DUET__CALL_NEW || call->state == DUET__CALL_OVER);
	duet__list *level = &l->levels[call->level];
	call->state = DUET__CALL_QUEUED;
	call->queued = now;
	duet__list_append(first ? level->next : level, &call->node);
	l->waiting_levels |= UINT32_C(1) << call->level;
	l->queued++;
}

static duet_time rank(const duet__call *call, duet_time now)
{
	return call->level * DUET_S(1) + (now - call->queued);
}

duet__call *duet__ledger_next(const duet__ledger *l, duet_time now)
{
	duet__call *best = NULL;
	for (uint32_t left = l->waiting_levels; left != 0; left &= left - 1) {
		int level = __builtin_ctz(left);
		duet__call *call = duet__call_of(l->levels[level].next);
		if (best == NULL || rank(call, now) >= rank(best, now))
			best = call;
	}
	return best;
}

static unsigned free_ticket(duet__hand *h)
{
	while (h->ids[h->next] != 0)
		h->next = (h->next + 1) % DUET__TICKETS;
	return h->next;
}

bool duet__ledger_hand(duet__ledger *l, duet__hand *h, duet__call *call)
{
	assert(call->state == DUET__CALL_QUEUED);
	if (h->taken == DUET__TICKETS)
		return false;
	leave_queue(l, call);
	unsigned ticket = free_ticket(h);
	call->state = DUET__CALL_HELD;
	call->hand = h;
	call->ticket = (uint16_t)ticket;
	call->id = ++l->last_id;
	h->ids[ticket] = call->id;
	h->calls[ticket] = call;
	h->taken++;
	h->count++;
	h->next = (ticket + 1) % DUET__TICKETS;
	duet__list_append(&h->order, &call->node);
	atomic_store(&h->claims[ticket], DUET__CLAIM_OFFERED);
	l->held++;
	return true;
}

static bool is_right(const duet__hand *h, unsigned ticket, uint64_t id)
{
	return ticket < DUET__TICKETS && id != 0 && h->ids[ticket] == id;
}

duet__call *duet__hand_find(const duet__hand *h, unsigned ticket, uint64_t id)
{
	return is_right(h, ticket, id) ? h->calls[ticket] : NULL;
}

bool duet__ledger_answer(duet__ledger *l, duet__hand *h, unsigned ticket, uint64_t id,
			 duet__call **call)
{
	if (!is_right(h, ticket, id))
		return false;
	*call = h->calls[ticket];
	h->answered = id;
	h->ids[ticket] = 0;
	h->taken--;
	give_back(h, ticket);
	if (*call != NULL) {
		leave_hand(l, *call);
		(*call)->state = DUET__CALL_OVER;
	}
	return true;
}

static void queue_again(duet__ledger *l, duet__call *call, duet_time now)
{
	duet_time queued = call->queued;
	leave_hand(l, call);
	call->state = DUET__CALL_OVER;
	duet__ledger_submit(l, call, now, true);
	call->queued = queued;
}

bool duet__ledger_take_back(duet__ledger *l, duet__call *call, duet_time now)
{
	assert(call->state == DUET__CALL_HELD);
	if (!duet__board_revoke(&call->hand->claims[call->ticket]))
		return false;
	queue_again(l, call, now);
	return true;
}

duet__hand *duet__ledger_drop(duet__ledger *l, duet__call *call)
{
	duet__hand *running = NULL;
	if (call->state == DUET__CALL_QUEUED) {
		leave_queue(l, call);
	} else if (call->state == DUET__CALL_HELD) {
		if (!duet__board_revoke(&call->hand->claims[call->ticket]))
			running = call->hand;
		leave_hand(l, call);
	}
	call->state = DUET__CALL_OVER;
	return running;
}

static bool knows(const duet__hand *h, uint64_t id)
{
	if (id == h->answered)
		return true;
	for (unsigned i = 0; i < DUET__TICKETS; i++)
		if (h->ids[i] == id)
			return true;
	return false;
}

/* Ids rise in the order in which jobs are handed out. */
static bool may_have_begun(const duet__hand *h, const duet__call *call)
{
	uint32_t claim = atomic_load(&h->claims[call->ticket]);
	if ((claim & ~(uint32_t)DUET__CLAIM_CANCEL) == DUET__CLAIM_STARTED || h->running == NULL)
		return true;
	uint64_t last = atomic_load(h->running);
	return call->id <= last || !knows(h, last);
}

void duet__ledger_lost(duet__ledger *l, duet__hand *h, duet_time now, duet__list *lost)
{
	while (h->count > 0) { /* from the last, so that those queued again keep their order */
		duet__call *call = duet__call_of(h->order.prev);
		if (duet__ledger_take_back(l, call, now))
			continue;
		if (!may_have_begun(h, call)) {
			queue_again(l, call, now);
			continue;
		}
		leave_hand(l, call);
		call->state = DUET__CALL_OVER;
		duet__list_append(lost->next, &call->node);
	}
	memset(h->ids, 0, sizeof(h->ids));
	h->taken = 0;
	duet__hand_fini(h);
}
