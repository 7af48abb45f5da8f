/* Random operations on a queue, beside a model of arrays and loops that is easy to believe. */
#include <duet/duet.h>

#include <stdint.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

enum { CLIENTS = 6, ROOM = 64, PENDING = 1 };

enum kind { FIFO, LIFO, PRIORITY };
enum verb { PUT, GET, JOIN };

/* A client does one thing at a time, in a task; PENDING is no result of any call. */
struct client {
	enum verb verb;
	void *item;
	int result;
	duet_task *task;
	bool cancelled;
	int expected; /* what the model says of it */
	void *expected_item;
};

static struct client clients[CLIENTS];
static duet_queue *queue;

static struct {
	enum kind kind;
	size_t capacity, count, unfinished;
	void *items[ROOM]; /* in the order they were put */
	int line[3][CLIENTS];
	int waiting[3]; /* how long each line is, by verb */
	bool closed;
} model;

static uint64_t state;

static int random_below(int n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (int)((state >> 33) % (uint64_t)n);
}

/* Ties among eight items of the same eighth. */
static int by_eighth(const void *a, const void *b)
{
	return (int)((intptr_t)a / 8 - (intptr_t)b / 8);
}

/* The model. */

static void leave_line(enum verb verb, int place)
{
	int *line = model.line[verb];

	memmove(line + place, line + place + 1,
		(size_t)(--model.waiting[verb] - place) * sizeof *line);
}

static int first_in_line(enum verb verb)
{
	int first = model.line[verb][0];

	leave_line(verb, 0);
	return first;
}

static void finish(int client, int result, void *item)
{
	clients[client].expected = result;
	clients[client].expected_item = item;
}

static void finish_all(enum verb verb, int result)
{
	while (model.waiting[verb] > 0)
		finish(first_in_line(verb), result, NULL);
}

static size_t next_index(void)
{
	size_t best = 0;

	if (model.kind == LIFO)
		return model.count - 1;
	for (size_t i = 1; model.kind == PRIORITY && i < model.count; i++)
		if (by_eighth(model.items[i], model.items[best]) < 0)
			best = i;
	return best;
}

static int model_put(void *item)
{
	if (model.closed)
		return DUET_ECLOSED;
	if (model.waiting[GET] > 0)
		finish(first_in_line(GET), 0, item);
	else if (model.count < model.capacity)
		model.items[model.count++] = item;
	else
		return -EAGAIN;
	model.unfinished++;
	return 0;
}

static int model_get(void **item)
{
	if (model.count == 0)
		return model.closed ? DUET_ECLOSED : -EAGAIN;
	size_t i = next_index();
	*item = model.items[i];
	memmove(model.items + i, model.items + i + 1, (--model.count - i) * sizeof(void *));
	if (model.waiting[PUT] > 0) {
		int putter = first_in_line(PUT);
		model.items[model.count++] = clients[putter].item;
		model.unfinished++;
		finish(putter, 0, NULL);
	}
	return 0;
}

static int model_task_done(void)
{
	if (model.unfinished == 0)
		return -EINVAL;
	if (--model.unfinished == 0)
		finish_all(JOIN, 0);
	return 0;
}

static void model_shutdown(void)
{
	model.closed = true;
	finish_all(PUT, DUET_ECLOSED);
	finish_all(GET, DUET_ECLOSED);
	finish_all(JOIN, 0);
}

static void model_start(int i)
{
	struct client *c = &clients[i];
	void *item = NULL;
	int r;

	if (c->verb == PUT)
		r = model_put(c->item);
	else if (c->verb == GET)
		r = model_get(&item);
	else
		r = model.unfinished == 0 || model.closed ? 0 : -EAGAIN;
	finish(i, r == -EAGAIN ? PENDING : r, item);
	if (r == -EAGAIN)
		model.line[c->verb][model.waiting[c->verb]++] = i;
}

/* Those who were cancelled and got nothing meanwhile have left. */
static void model_settle(void)
{
	for (int verb = PUT; verb <= JOIN; verb++)
		for (int place = model.waiting[verb] - 1; place >= 0; place--) {
			int i = model.line[verb][place];
			if (!clients[i].cancelled)
				continue;
			leave_line((enum verb)verb, place);
			finish(i, DUET_ECANCELED, NULL);
		}
}

/* The real thing. */

static int act(void *arg)
{
	struct client *c = arg;
	void *item = NULL;

	if (c->verb == PUT)
		c->result = duet_queue_put(queue, c->item);
	else if (c->verb == GET)
		c->result = duet_queue_get(queue, &item);
	else
		c->result = duet_queue_join(queue);
	if (c->verb == GET)
		c->item = item;
	return 0;
}

static void compare(void)
{
	duet_sleep(DUET_MS(1));
	model_settle();
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &clients[i];
		if (c->task == NULL)
			continue;
		CHECK_EQ(c->result, c->expected);
		if (c->result == PENDING)
			continue;
		if (c->verb == GET)
			CHECK(c->item == c->expected_item);
		CHECK_OK(duet_await(c->task));
		c->task = NULL;
	}
	CHECK_EQ(duet_queue_len(queue), model.count);
	CHECK_EQ(duet_queue_unfinished(queue), model.unfinished);
}

static void start_client(int i, void *item)
{
	struct client *c = &clients[i];

	if (c->task != NULL)
		return;
	*c = (struct client){.verb = (enum verb)random_below(20) / 9, .item = item};
	c->result = PENDING;
	c->task = duet_spawn(act, c);
	model_start(i);
}

static void do_at_once(int what, void *item)
{
	void *got = NULL, *expected = NULL;
	struct client *c = &clients[what % CLIENTS];

	if (what < 12 && c->task != NULL) {
		duet_cancel(c->task);
		c->cancelled = true;
	} else if (what < 30) {
		CHECK_EQ(duet_queue_try_put(queue, item), model_put(item));
	} else if (what < 50) {
		CHECK_EQ(duet_queue_try_get(queue, &got), model_get(&expected));
		CHECK(got == expected);
	} else if (what < 80) {
		CHECK_EQ(duet_queue_task_done(queue), model_task_done());
	} else if (what == 99 && random_below(20) == 0) {
		duet_queue_shutdown(queue);
		model_shutdown();
	}
}

static void open_queue(enum kind kind)
{
	memset(&model, 0, sizeof model);
	model.kind = kind;
	model.capacity = 1 + (size_t)random_below(20);
	if (kind == FIFO)
		queue = duet_queue_new(model.capacity);
	else if (kind == LIFO)
		queue = duet_queue_new_lifo(model.capacity);
	else
		queue = duet_queue_new_priority(model.capacity, by_eighth);
}

static void close_queue(void)
{
	duet_queue_free(queue);
	duet_sleep(DUET_MS(1));
	for (int i = 0; i < CLIENTS; i++) {
		if (clients[i].task == NULL)
			continue;
		CHECK_ERR(clients[i].result, DUET_ECLOSED);
		CHECK_OK(duet_await(clients[i].task));
		clients[i].task = NULL;
	}
}

static int many_steps(void *arg)
{
	enum kind kind = *(enum kind *)arg;
	intptr_t item = 0;

	for (int round = 0; round < 20; round++) {
		open_queue(kind);
		for (int step = test_is_slow() ? 100 : 500; step > 0; step--) {
			for (int n = random_below(3); n > 0; n--)
				do_at_once(random_below(100), (void *)(item++ % 64));
			compare();
			start_client(random_below(CLIENTS), (void *)(item++ % 64));
			compare();
		}
		close_queue();
	}
	return 0;
}

static void agree(enum kind kind)
{
	state = test_seed();
	CHECK_OK(run_seeded(state % 2 * state, many_steps, &kind));
}

/* 10,000 random steps by six clients end as the model says, at each step. */
TEST(queue_agrees_with_its_model)
{
	agree(FIFO);
}

/* The same, last in first out. */
TEST(lifo_queue_agrees_with_its_model)
{
	agree(LIFO);
}

/* The same, smallest first, ties in the order they were put. */
TEST(priority_queue_agrees_with_its_model)
{
	agree(PRIORITY);
}
