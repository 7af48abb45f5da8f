/* Random operations on a semaphore, beside a model of an array and two numbers. */
#include <duet/duet.h>

#include <string.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

enum { CLIENTS = 8, PENDING = 1 };

struct client {
	int result, expected;
	duet_task *task;
	bool cancelled;
};

static struct client clients[CLIENTS];
static duet_sem *sem;
static uint64_t state;

static struct {
	size_t permits, taken;
	int line[CLIENTS];
	int waiting;
} model;

static int random_below(int n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (int)((state >> 33) % (uint64_t)n);
}

static void leave_line(int place)
{
	memmove(model.line + place, model.line + place + 1,
		(size_t)(--model.waiting - place) * sizeof *model.line);
}

static void admit(void)
{
	while (model.waiting > 0 && model.taken < model.permits) {
		clients[model.line[0]].expected = 0;
		leave_line(0);
		model.taken++;
	}
}

static int model_try_acquire(void)
{
	if (model.taken >= model.permits)
		return -EAGAIN;
	model.taken++;
	return 0;
}

static int model_release(void)
{
	if (model.taken == 0)
		return -EINVAL;
	model.taken--;
	admit();
	return 0;
}

static int acquire(void *arg)
{
	struct client *c = arg;

	c->result = duet_sem_acquire(sem);
	return 0;
}

static void start_client(int i)
{
	struct client *c = &clients[i];

	if (c->task != NULL)
		return;
	*c = (struct client){.result = PENDING};
	c->task = duet_spawn(acquire, c);
	c->expected = model_try_acquire() == 0 ? 0 : PENDING;
	if (c->expected == PENDING)
		model.line[model.waiting++] = i;
}

static void compare(void)
{
	duet_sem_stats_t stats;

	duet_sleep(DUET_MS(1));
	for (int place = model.waiting - 1; place >= 0; place--)
		if (clients[model.line[place]].cancelled) {
			clients[model.line[place]].expected = DUET_ECANCELED;
			leave_line(place);
		}
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &clients[i];
		if (c->task == NULL)
			continue;
		CHECK_EQ(c->result, c->expected);
		if (c->result == PENDING)
			continue;
		CHECK_OK(duet_await(c->task));
		c->task = NULL;
	}
	duet_sem_stats(sem, &stats);
	CHECK_EQ(stats.permits, model.permits);
	CHECK_EQ(stats.taken, model.taken);
	CHECK_EQ(stats.waiting, model.waiting);
}

static void do_at_once(int what)
{
	struct client *c = &clients[what % CLIENTS];

	if (what < 16 && c->task != NULL) {
		duet_cancel(c->task);
		c->cancelled = true;
	} else if (what < 25) {
		CHECK_EQ(duet_sem_try_acquire(sem), model_try_acquire());
	} else if (what < 70) {
		CHECK_EQ(duet_sem_release(sem), model_release());
	} else if (what < 80) {
		model.permits = (size_t)random_below(6);
		CHECK_OK(duet_sem_resize(sem, model.permits));
		admit();
	}
}

static int many_steps(void *arg)
{
	(void)arg;
	model.permits = 3;
	sem = duet_sem_new(model.permits);
	for (int step = test_is_slow() ? 2000 : 10000; step > 0; step--) {
		for (int n = random_below(3); n > 0; n--)
			do_at_once(random_below(100));
		compare();
		start_client(random_below(CLIENTS));
		compare();
	}
	duet_sem_free(sem);
	for (int i = 0; i < CLIENTS; i++)
		if (clients[i].task != NULL)
			CHECK_OK(duet_await(clients[i].task));
	return 0;
}

/* 10,000 random steps by eight clients, resizes and cancels among them, end as the model says. */
TEST(sem_agrees_with_its_model)
{
	state = test_seed();
	CHECK_OK(run_seeded(state % 2 * state, many_steps, NULL));
}
