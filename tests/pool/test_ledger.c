/* The ledger, alone and against a model that is too simple to be wrong. */
#include "pool/ledger.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static duet__ledger ledger;
static duet__hand hands[3];
static _Atomic uint32_t claims[3][DUET__TICKETS] __attribute__((aligned(64)));

static void setup(void)
{
	duet__ledger_init(&ledger);
	for (int i = 0; i < 3; i++) {
		memset((void *)claims[i], 0, sizeof(claims[i]));
		duet__hand_init(&hands[i], claims[i]);
	}
}

static duet__call new_call(uint8_t level)
{
	duet__call c = {.level = level};
	return c;
}

static duet__call *submit(duet__call *c, duet_time now)
{
	duet__list_init(&c->node);
	duet__ledger_submit(&ledger, c, now, false);
	return c;
}

/* Calls of one level go out in the order in which they came. */
TEST(ledger_is_first_in_first_out)
{
	setup();
	duet__call a = new_call(8), b = new_call(8);
	submit(&a, 1);
	submit(&b, 2);
	CHECK(duet__ledger_next(&ledger, 3) == &a);
	CHECK(duet__ledger_hand(&ledger, &hands[0], &a));
	CHECK(duet__ledger_next(&ledger, 3) == &b);
	CHECK(duet__ledger_hand(&ledger, &hands[0], &b));
	CHECK(duet__ledger_next(&ledger, 3) == NULL);
	CHECK(duet__hand_first(&hands[0]) == &a);
	CHECK_EQ(ledger.held, 2);
}

/* Higher levels go first; waiting lifts a call by one level each second. */
TEST(ledger_levels_and_ageing)
{
	setup();
	duet__call low = new_call(3), high = new_call(9);
	submit(&low, 0);
	submit(&high, DUET_S(5));
	CHECK(duet__ledger_next(&ledger, DUET_S(5)) == &high);
	duet__ledger_drop(&ledger, &high);
	high = new_call(9);
	submit(&high, DUET_S(7));
	CHECK(duet__ledger_next(&ledger, DUET_S(7)) == &low);
}

/* An answer ends the call once; the second, or one for another id, is nobody's. */
TEST(ledger_answers_once)
{
	setup();
	duet__call c = new_call(0), *got;
	duet__ledger_hand(&ledger, &hands[0], submit(&c, 0));
	uint64_t id = c.id;
	unsigned ticket = c.ticket;
	CHECK(!duet__ledger_answer(&ledger, &hands[0], ticket, id + 1, &got));
	CHECK(!duet__ledger_answer(&ledger, &hands[0], ticket + 1, id, &got));
	CHECK(!duet__ledger_answer(&ledger, &hands[0], 60000, id, &got));
	CHECK(!duet__ledger_answer(&ledger, &hands[0], ticket, 0, &got));
	CHECK(!duet__ledger_answer(&ledger, &hands[1], ticket, id, &got));
	CHECK(duet__ledger_answer(&ledger, &hands[0], ticket, id, &got));
	CHECK(got == &c);
	CHECK_EQ(c.state, DUET__CALL_OVER);
	CHECK(!duet__ledger_answer(&ledger, &hands[0], ticket, id, &got));
}

/* A ticket stays taken until the worker has answered for it, also if its call has gone. */
TEST(ledger_keeps_a_ticket_until_its_answer)
{
	setup();
	duet__call c = new_call(0), *got = &c;
	duet__ledger_hand(&ledger, &hands[0], submit(&c, 0));
	uint64_t id = c.id;
	CHECK(duet__ledger_drop(&ledger, &c) == NULL); /* not started: nobody must die */
	CHECK_EQ(hands[0].count, 0);
	CHECK_EQ(hands[0].taken, 1);
	CHECK(!duet__board_start(&claims[0][c.ticket]));
	CHECK(duet__ledger_answer(&ledger, &hands[0], c.ticket, id, &got));
	CHECK(got == NULL);
	CHECK_EQ(hands[0].taken, 0);
}

/* Of a dead worker's calls those it had started are lost; the others go to the head of the queue,
 * in order. */
TEST(ledger_lost_worker)
{
	setup();
	duet__call c[4], waiting = new_call(5);
	for (int i = 0; i < 4; i++) {
		c[i] = new_call(5);
		duet__ledger_hand(&ledger, &hands[0], submit(&c[i], i));
	}
	submit(&waiting, 9);
	CHECK(duet__board_start(&claims[0][c[0].ticket]));
	duet__list lost;
	duet__list_init(&lost);
	duet__ledger_lost(&ledger, &hands[0], 10, &lost);
	CHECK(duet__call_of(lost.next) == &c[0]);
	CHECK(c[0].node.next == &lost);
	CHECK_EQ(hands[0].taken, 0);
	for (int i = 1; i < 4; i++) {
		CHECK(duet__ledger_next(&ledger, 10) == &c[i]);
		duet__ledger_hand(&ledger, &hands[1], &c[i]);
	}
	CHECK(duet__ledger_next(&ledger, 10) == &waiting);
}

static void lose_spoilt(uint64_t running, size_t expected)
{
	setup();
	duet__call c[4];
	_Atomic uint64_t begun = 0;
	duet__list lost;
	hands[0].running = &begun;
	for (int i = 0; i < 4; i++) {
		c[i] = new_call(5);
		duet__ledger_hand(&ledger, &hands[0], submit(&c[i], i));
		claims[0][c[i].ticket] = 0x47474747;
	}
	atomic_store(&begun, running < 4 ? c[running].id : running);
	duet__list_init(&lost);
	duet__ledger_lost(&ledger, &hands[0], 10, &lost);
	CHECK_EQ(ledger.queued, 4 - expected);
	CHECK_EQ(ledger.held, 0);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(c[i].state, i < expected ? DUET__CALL_OVER : DUET__CALL_QUEUED);
}

/* Claims that make no sense are judged by the job begun last; if that makes none, all are lost. */
TEST(ledger_lost_worker_with_spoilt_claims)
{
	lose_spoilt(0, 1);
	lose_spoilt(2, 3);
	lose_spoilt(12345, 4);
}

/* ---- against a model ---- */

enum { CALLS = 40, HANDS = 3, STEPS = 200000 };
enum where { NOWHERE, QUEUE, HAND };

static struct model {
	duet__call call;
	enum where where;
	int hand;
	bool started;
	int ended, submitted;
} calls[CALLS];

static void check_model(void)
{
	size_t queued = 0, held[HANDS] = {0};
	for (int i = 0; i < CALLS; i++) {
		queued += calls[i].where == QUEUE;
		if (calls[i].where == HAND)
			held[calls[i].hand]++;
		CHECK_EQ(calls[i].submitted, calls[i].ended + (calls[i].where != NOWHERE));
	}
	CHECK_EQ(ledger.queued, queued);
	CHECK_EQ(ledger.held, held[0] + held[1] + held[2]);
	for (int h = 0; h < HANDS; h++)
		CHECK_EQ(hands[h].count, held[h]);
}

static struct model *model_of(duet__call *c)
{
	return duet__container_of(c, struct model, call);
}

static void end(struct model *m)
{
	m->where = NOWHERE;
	m->ended++;
}

static void step_submit(struct model *m)
{
	if (m->where != NOWHERE)
		return;
	m->call = new_call((uint8_t)(rand() % DUET__LEVELS));
	submit(&m->call, rand());
	m->where = QUEUE;
	m->submitted++;
}

static void step_hand(int h)
{
	duet__call *c = duet__ledger_next(&ledger, rand());
	CHECK_EQ(c != NULL, ledger.queued > 0);
	if (c == NULL || !duet__ledger_hand(&ledger, &hands[h], c))
		return;
	model_of(c)->where = HAND;
	model_of(c)->hand = h;
	model_of(c)->started = false;
}

static void step_start(int h)
{
	duet__call *c = duet__hand_first(&hands[h]);
	if (c != NULL)
		model_of(c)->started =
			duet__call_is_started(c) || duet__board_start(&claims[h][c->ticket]);
}

/* The worker answers for any ticket, in use or not, as a confused one may. */
static void step_answer(int h)
{
	unsigned ticket = (unsigned)rand() % DUET__TICKETS;
	duet__call *c;
	if (duet__ledger_answer(&ledger, &hands[h], ticket, hands[h].ids[ticket], &c) && c != NULL)
		end(model_of(c));
}

static void step_take_back(struct model *m)
{
	if (m->where != HAND)
		return;
	CHECK_EQ(duet__ledger_take_back(&ledger, &m->call, rand()), !m->started);
	if (!m->started)
		m->where = QUEUE;
}

static void step_drop(struct model *m)
{
	if (m->where == NOWHERE)
		return;
	duet__hand *running = duet__ledger_drop(&ledger, &m->call);
	CHECK(running == (m->where == HAND && m->started ? &hands[m->hand] : NULL));
	end(m);
}

static void step_die(int h)
{
	duet__list lost;
	duet__list_init(&lost);
	duet__ledger_lost(&ledger, &hands[h], rand(), &lost);
	DUET__LIST_EACH (node, &lost) {
		CHECK(model_of(duet__call_of(node))->started);
		duet__list_remove(node);
		end(model_of(duet__call_of(node)));
	}
	for (int i = 0; i < CALLS; i++)
		if (calls[i].where == HAND && calls[i].hand == h)
			calls[i].where = QUEUE;
}

/* Whatever happens in whatever order, each call ends once and is in one place. */
TEST(ledger_agrees_with_the_model)
{
	setup();
	srand((unsigned)test_seed());
	for (int i = 0; i < STEPS; i++) {
		struct model *m = &calls[rand() % CALLS];
		int h = rand() % HANDS;
		switch (rand() % 16) {
		case 0 ... 4:
			step_submit(m);
			break;
		case 5 ... 9:
			step_hand(h);
			break;
		case 10 ... 11:
			step_start(h);
			break;
		case 12:
			step_answer(h);
			break;
		case 13:
			step_take_back(m);
			break;
		case 14:
			step_drop(m);
			break;
		case 15:
			if (rand() % 8 == 0)
				step_die(h);
		}
		check_model();
	}
}
