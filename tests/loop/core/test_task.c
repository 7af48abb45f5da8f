#include "tests/lib/test.h"
#include "tests/loop/core/virtual.h"
#include <duet/duet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static char trace[256];

static void note(const char *what)
{
	strcat(trace, what);
}

static int return_arg(void *arg)
{
	return (int)(intptr_t)arg;
}

static int note_arg(void *arg)
{
	note(arg);
	return 0;
}

static int sleep_ms(void *arg)
{
	return duet_sleep(DUET_MS((intptr_t)arg));
}

static int hello(void *arg)
{
	(void)arg;
	note("Hello ");
	CHECK_OK(duet_sleep(DUET_S(1)));
	note("World");
	CHECK_EQ(duet_now(), DUET_S(1));
	return 7;
}

/* A run gives back the main task's result, and can be followed by another. */
TEST(run_returns_the_result_of_main)
{
	CHECK_EQ(run_virtual(hello, NULL), 7);
	CHECK_STR(trace, "Hello World");
	CHECK_EQ(run_virtual(hello, NULL), 7);
}

static int spawn_then_note(void *arg)
{
	(void)arg;
	duet_task *a = duet_spawn(note_arg, (void *)"a");
	duet_task *b = duet_spawn(note_arg, (void *)"b");
	note("main ");
	CHECK_OK(duet_await(b));
	CHECK_OK(duet_await(a));
	return 0;
}

/* A task starts at the next suspension of its spawner, first in, first out. */
TEST(spawn_starts_at_the_next_suspension)
{
	CHECK_OK(run_virtual(spawn_then_note, NULL));
	CHECK_STR(trace, "main ab");
}

static int spawn_eager(void *arg)
{
	(void)arg;
	duet_task *t = duet_spawn_with(&(duet_task_options){.eager = true}, note_arg, (void *)"a");
	note(" main");
	CHECK_EQ(duet_done(t), true);
	return duet_await(t);
}

/* An eager task runs up to its first suspension before spawn returns. */
TEST(spawn_eager_runs_at_once)
{
	CHECK_OK(run_virtual(spawn_eager, NULL));
	CHECK_STR(trace, "a main");
}

static int five_deep(int depth)
{
	volatile unsigned char local[64];
	int r;

	local[0] = (unsigned char)depth;
	r = depth == 0 ? duet_sleep(DUET_MS(1)) : five_deep(depth - 1);
	CHECK_EQ(local[0], depth);
	return r;
}

static int deep(void *arg)
{
	return five_deep((int)(intptr_t)arg);
}

/* A task may suspend at any call depth. */
TEST(task_suspends_at_any_depth)
{
	CHECK_OK(run_virtual(deep, (void *)200));
}

static int await_errors(void *arg)
{
	duet_task *t;

	(void)arg;
	CHECK_ERR(duet_await(NULL), DUET_ENOMEM);
	CHECK_ERR(duet_await(duet_self()), DUET_EDEADLK);
	t = duet_spawn(return_arg, (void *)-5);
	CHECK_ERR(duet_result(t), DUET_EBUSY);
	CHECK_EQ(duet_done(t), false);
	CHECK_OK(duet_yield());
	CHECK_EQ(duet_done(t), true);
	CHECK_EQ(duet_result(t), -5);
	CHECK_EQ(duet_await(t), -5);
	return 0;
}

/* Awaiting what cannot be awaited is an error; a done task's result can be read first. */
TEST(await_refuses_null_and_self)
{
	CHECK_OK(run_virtual(await_errors, NULL));
}

static int await_arg(void *arg)
{
	return duet_await(arg);
}

static int await_twice(void *arg)
{
	duet_task *sleeper = duet_spawn(sleep_ms, (void *)10), *other;

	(void)arg;
	other = duet_spawn(await_arg, sleeper);
	CHECK_OK(duet_yield());
	CHECK_ERR(duet_await(sleeper), DUET_EINVAL);
	CHECK_HAS(duet_errmsg(), "belongs");
	return duet_await(other);
}

/* A task has one owner. */
TEST(await_refuses_a_task_that_is_taken)
{
	CHECK_OK(run_virtual(await_twice, NULL));
}

/* Outside a run there is nothing to suspend. */
TEST(calls_outside_a_task_fail)
{
	errno = 0;
	CHECK(duet_spawn(return_arg, NULL) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK_ERR(duet_sleep(1), DUET_ENOTASK);
	CHECK_ERR(duet_yield(), DUET_ENOTASK);
	CHECK_ERR(duet_gather(NULL, 0, NULL), DUET_ENOTASK);
	CHECK_ERR(duet_run(NULL, NULL), DUET_EINVAL);
	CHECK(duet_self() == NULL);
	CHECK(duet_loop_current() == NULL);
	duet_cancel(NULL);
	duet_detach(NULL);
}

static int nest(void *arg)
{
	return duet_run(return_arg, arg);
}

/* A run within a run is refused. */
TEST(run_inside_a_run_is_refused)
{
	CHECK_ERR(duet_run(nest, NULL), DUET_EALREADY);
}

static int log_then_yield(void *arg)
{
	for (int i = 0; i < 3; i++) {
		note(arg);
		CHECK_OK(duet_yield());
	}
	return 0;
}

static int three_yield(void *arg)
{
	duet_task *t[3] = {duet_spawn(log_then_yield, (void *)"a"),
			   duet_spawn(log_then_yield, (void *)"b"),
			   duet_spawn(log_then_yield, (void *)"c")};

	(void)arg;
	return duet_gather(t, 3, NULL);
}

/* Ready tasks take turns. */
TEST(yield_lets_every_ready_task_run_once)
{
	CHECK_OK(run_virtual(three_yield, NULL));
	CHECK_STR(trace, "abcabcabc");
}

static int spin_until_done(void *arg)
{
	duet_task *t = arg;

	while (!duet_done(t))
		CHECK_OK(duet_yield());
	return 0;
}

static int spin_beside_a_timer(void *arg)
{
	duet_task *sleeper = duet_spawn(sleep_ms, (void *)5);
	duet_task *spinner = duet_spawn(spin_until_done, sleeper);

	(void)arg;
	CHECK_OK(duet_await(spinner));
	return duet_await(sleeper);
}

/* A task that only yields starves neither timers nor the loop. */
TEST(yielding_task_does_not_starve_timers)
{
	CHECK_OK(duet_run(spin_beside_a_timer, NULL));
}

static int cancel_sleeper(void *arg)
{
	duet_task *t = duet_spawn(sleep_ms, (void *)1000);

	(void)arg;
	CHECK_OK(duet_yield());
	duet_cancel(t);
	CHECK_EQ(duet_done(t), false);
	CHECK_ERR(duet_await(t), DUET_ECANCELED);
	CHECK_EQ(duet_now(), 0);
	t = duet_spawn(sleep_ms, (void *)1000);
	CHECK_ERR(duet_cancel_await(t), DUET_ECANCELED);
	return 0;
}

/* Cancel is a request; the task is still to be awaited, and ends at once. */
TEST(cancel_interrupts_a_sleep)
{
	CHECK_OK(run_virtual(cancel_sleeper, NULL));
}

static int never_cancelled_body(void *arg)
{
	note("ran");
	CHECK_ERR(duet_sleep(1), DUET_ECANCELED);
	CHECK_ERR(duet_yield(), DUET_ECANCELED);
	CHECK_EQ(duet_cancelled(), true);
	return (int)(intptr_t)arg;
}

static int cancel_before_start(void *arg)
{
	duet_task *t = duet_spawn(never_cancelled_body, (void *)3);

	(void)arg;
	duet_cancel(t);
	CHECK_EQ(duet_await(t), 3);
	return 0;
}

/* A task that is cancelled before it started still runs, so that it can clean up its argument. */
TEST(cancel_before_start_still_runs_the_body)
{
	CHECK_OK(run_virtual(cancel_before_start, NULL));
	CHECK_STR(trace, "ran");
}

static int await_and_be_cancelled(void *arg)
{
	int r = duet_await(arg);

	note(r == DUET_ECANCELED ? "parent " : "wrong ");
	return r;
}

static int child_cleans_up(void *arg)
{
	int r = duet_sleep(DUET_S(1));

	(void)arg;
	note("child ");
	return r;
}

static int cancel_the_awaiter(void *arg)
{
	duet_task *child = duet_spawn(child_cleans_up, NULL);
	duet_task *parent = duet_spawn(await_and_be_cancelled, child);

	(void)arg;
	CHECK_OK(duet_yield());
	duet_cancel(parent);
	CHECK_ERR(duet_await(parent), DUET_ECANCELED);
	return 0;
}

/* Cancelling a task that awaits another cancels and joins that one too. */
TEST(cancelled_await_cancels_and_joins_the_child)
{
	CHECK_OK(run_virtual(cancel_the_awaiter, NULL));
	CHECK_STR(trace, "child parent ");
}

static int leave_a_task(void *arg)
{
	(void)arg;
	duet_spawn(child_cleans_up, NULL);
	return duet_yield();
}

/* What is left when main returns is cancelled and joined. */
TEST(run_cancels_and_joins_what_is_left)
{
	CHECK_OK(run_virtual(leave_a_task, NULL));
	CHECK_STR(trace, "child ");
}

static int fail_with_words(void *arg)
{
	(void)arg;
	return duet_await(NULL);
}

static int await_failing(void *arg)
{
	int r = duet_await(duet_spawn(fail_with_words, NULL));

	(void)arg;
	CHECK_ERR(r, DUET_ENOMEM);
	CHECK_STR(duet_errmsg(), duet_strerror(DUET_ENOMEM));
	return r;
}

/* The words of a failure travel with the result, up to the caller of duet_run. */
TEST(errmsg_travels_with_the_result)
{
	CHECK_STR(duet_errmsg(), "no error");
	CHECK_ERR(run_virtual(await_failing, NULL), DUET_ENOMEM);
	CHECK_STR(duet_errmsg(), duet_strerror(DUET_ENOMEM));
}

static char reports[1024];

static void on_report(void *context, const duet_report *report)
{
	(void)context;
	strcat(strcat(reports, report->text), "\n");
	CHECK_ERR(duet_sleep(1), DUET_ENOTASK);
}

static int fail_unread(void *arg)
{
	(void)arg;
	duet_detach(duet_spawn(return_arg, (void *)-EIO));
	duet_spawn(return_arg, (void *)-EPERM);
	duet_detach(duet_spawn(return_arg, (void *)4));
	return duet_yield();
}

/* An error that nobody read is reported at the end of the run, with the task's name and site. */
TEST(unread_errors_are_reported)
{
	duet_run_options o = {.report = on_report};

	CHECK_OK(duet_run_with(&o, fail_unread, NULL));
	CHECK_HAS(reports, "EIO");
	CHECK_HAS(reports, "EPERM");
	CHECK_HAS(reports, "return_arg");
	CHECK_HAS(reports, "test_task.c:");
}

static int hold_the_loop(void *arg)
{
	duet_time until = duet_now() + DUET_MS(60);

	(void)arg;
	while (duet_now() < until)
		;
	return duet_yield();
}

static int be_slow(void *arg)
{
	duet_task *t[2] = {duet_spawn(return_arg, NULL), duet_spawn(hold_the_loop, NULL)};

	(void)arg;
	return duet_gather(t, 2, NULL);
}

/* A task that holds the loop too long is reported by name. */
TEST(slow_task_is_reported)
{
	duet_run_options o = {.report = on_report, .slow = DUET_MS(30)};

	CHECK_OK(duet_run_with(&o, be_slow, NULL));
	CHECK_HAS(reports, "hold_the_loop");
	CHECK(strstr(reports, "return_arg") == NULL);
}

static int many_sleep(void *arg)
{
	size_t n = (size_t)(intptr_t)arg;
	duet_task **t = malloc(n * sizeof(*t));

	for (size_t i = 0; i < n; i++)
		CHECK((t[i] = duet_spawn(sleep_ms, (void *)1000)) != NULL);
	CHECK_OK(duet_gather(t, n, NULL));
	CHECK_EQ(duet_now(), DUET_S(1));
	free(t);
	return 0;
}

/* A hundred thousand tasks sleep at once, on the default limits of the system. */
TEST_WITHIN(hundred_thousand_tasks_sleep_at_once, 60)
{
	CHECK_OK(run_virtual(many_sleep, (void *)(intptr_t)(test_is_slow() ? 4000 : 100000)));
}

static int overflow_aligned(void *arg)
{
	_Alignas(16) volatile char room[64];
	double x = *(double *)arg;

	room[0] = 1;
	CHECK_EQ((uintptr_t)room % 16, 0);
	CHECK_OK(duet_yield());
	CHECK(x * 2 == *(double *)arg * 2);
	return room[0];
}

static int align(void *arg)
{
	return duet_await(duet_spawn(overflow_aligned, arg));
}

/* The first frame of a task is aligned as the ABI says, for code that uses vector instructions. */
TEST(task_stack_is_aligned)
{
	double x = 1.5;

	CHECK_EQ(run_virtual(align, &x), 1);
}

static int use_stack(void *arg)
{
	size_t n = (size_t)(intptr_t)arg;
	volatile char *room = __builtin_alloca(n);

	for (size_t i = 0; i < n; i += 512)
		room[i] = 1;
	return duet_yield();
}

static int mixed_stacks(void *arg)
{
	duet_task_options small = {.stack_size = 64 * 1024}, big = {.stack_size = 4 << 20};
	duet_task *t[3] = {
		duet_spawn_with(&small, use_stack, (void *)(20 * 1024)),
		duet_spawn_with(&big, use_stack, (void *)(3 << 20)),
		duet_spawn(use_stack, (void *)(150 * 1024)),
	};

	(void)arg;
	return duet_gather(t, 3, NULL);
}

/* Tasks may have stacks of their own size. */
TEST(task_stack_size_can_be_chosen)
{
	CHECK_OK(run_virtual(mixed_stacks, NULL));
}

static int name_itself(void *arg)
{
	CHECK_STR(duet_task_name(duet_self()), arg);
	CHECK_OK(duet_task_set_name(duet_self(), "other"));
	CHECK_STR(duet_task_name(duet_self()), "other");
	return 0;
}

static int name_tasks(void *arg)
{
	duet_task_options o = {.name = "chosen"};

	(void)arg;
	CHECK_OK(duet_await(duet_spawn(name_itself, (void *)"name_itself")));
	return duet_await(duet_spawn_with(&o, name_itself, (void *)"chosen"));
}

/* A task is called as its function, unless it was given a name. */
TEST(task_name_is_its_function)
{
	CHECK_OK(run_virtual(name_tasks, NULL));
}
