#include <duet/duet.h>

#include <stdint.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static int after_ms(void *arg)
{
	int r = duet_sleep(DUET_MS((intptr_t)arg));

	return r < 0 ? r : (int)(intptr_t)arg;
}

static duet_task *spawn_after(intptr_t delay)
{
	return duet_spawn(after_ms, (void *)delay);
}

static int as_they_end(void *arg)
{
	duet_task *tasks[] = {spawn_after(30), spawn_after(10), spawn_after(20)}, *t;
	int r;

	(void)arg;
	duet_completed *done = duet_completed_open(tasks, 3);
	while ((r = duet_completed_next(done, &t)) == 1)
		note("%d at %d", duet_await(t), ms());
	CHECK_EQ(r, 0);
	CHECK_EQ(duet_completed_next(done, &t), 0);
	duet_completed_close(done);
	return 0;
}

/* Tasks come in the order in which they end, each as soon as it has. */
TEST(completed_gives_tasks_as_they_end)
{
	CHECK_OK(run_virtual(as_they_end, NULL));
	CHECK_STR(notes(), "10 at 10, 20 at 20, 30 at 30");
}

static int ended_before(void *arg)
{
	duet_task *tasks[] = {spawn_after(30), spawn_after(10), NULL, spawn_after(20)}, *t;

	(void)arg;
	duet_sleep(DUET_MS(25));
	duet_completed *done = duet_completed_open(tasks, 4);
	while (duet_completed_next(done, &t) == 1)
		note("%d at %d", duet_await(t), ms());
	duet_completed_close(done);
	return 0;
}

/* Those that had ended before come first, in the order in which they did; NULL counts as ended. */
TEST(completed_gives_what_had_ended_in_that_order)
{
	CHECK_OK(run_virtual(ended_before, NULL));
	CHECK_STR(notes(), "-12 at 25, 10 at 25, 20 at 25, 30 at 30");
}

static int close_early(void *arg)
{
	duet_task *tasks[] = {spawn_after(10), spawn_after(20)}, *t = NULL;
	duet_scope s;

	(void)arg;
	duet_completed *done = duet_completed_open(tasks, 2);
	CHECK_OK(duet_scope_enter(&s, DUET_MS(5)));
	CHECK_ERR(duet_completed_next(done, &t), DUET_ECANCELED);
	CHECK_EQ(duet_scope_exit(&s), DUET_ETIMEDOUT);
	CHECK(t == NULL);
	CHECK_EQ(duet_completed_next(done, &t), 1);
	CHECK(t == tasks[0]);
	duet_completed_close(done);
	CHECK_EQ(duet_gather(tasks, 2, NULL), 0);
	CHECK_EQ(ms(), 20);
	return 0;
}

/* Cancelled or closed early it takes nothing away: the tasks stay the caller's. */
TEST(completed_closed_early_leaves_the_tasks)
{
	CHECK_OK(run_virtual(close_early, NULL));
}

static duet_completed *shared;

static int take_one(void *arg)
{
	duet_task *t;
	int r = duet_completed_next(shared, &t);

	note("%s %d", (const char *)arg, r);
	return r == 1 ? duet_await(t) : r;
}

static int three_takers(void *arg)
{
	duet_task *tasks[] = {spawn_after(10), spawn_after(20)};

	(void)arg;
	shared = duet_completed_open(tasks, 2);
	duet_task *takers[] = {duet_spawn(take_one, "a"), duet_spawn(take_one, "b"),
			       duet_spawn(take_one, "c")};
	CHECK_OK(duet_gather(takers, 3, NULL));
	CHECK_STR(notes(), "a 1, b 1, c 0");
	duet_completed_close(shared);
	return 0;
}

/* Several tasks may take from one list; when all is given the rest hear of it. */
TEST(completed_serves_several_takers)
{
	CHECK_OK(run_virtual(three_takers, NULL));
}

static int refused(void *arg)
{
	duet_task *t;

	(void)arg;
	CHECK_ERR(duet_completed_next(NULL, &t), -EINVAL);
	duet_completed *none = duet_completed_open(NULL, 0);
	CHECK_EQ(duet_completed_next(none, &t), 0);
	duet_cancel(duet_self());
	CHECK_ERR(duet_completed_next(none, &t), DUET_ECANCELED);
	duet_completed_close(none);
	return 0;
}

/* No tasks end at once; no run, no list. */
TEST(completed_of_nothing_ends_at_once)
{
	CHECK_OK(run_virtual(refused, NULL));
	CHECK(duet_completed_open(NULL, 0) == NULL);
	CHECK_EQ(errno, EINVAL);
	duet_completed_close(NULL);
}
