/* What a caller may get wrong is an error with words, never a crash. */
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "tests/loop/core/virtual.h"
#include <duet/duet.h>
#include <stdint.h>
#include <string.h>

static int return_arg(void *arg)
{
	return (int)(intptr_t)arg;
}

static int fail_nth(void *ctx, size_t i)
{
	(void)ctx, (void)i;
	return -EPROTO;
}

static int collect_nothing(void *arg)
{
	duet_task *none = NULL;

	(void)arg;
	CHECK_ERR(duet_gather(NULL, 3, NULL), DUET_EINVAL);
	CHECK_ERR(duet_settle(NULL, 3, NULL), DUET_EINVAL);
	CHECK_ERR(duet_race(NULL, 3, NULL), DUET_EINVAL);
	CHECK_ERR(duet_wait(NULL, 3, 1, 0), DUET_EINVAL);
	CHECK_ERR(duet_wait_ok(NULL, 3, 1, 0), DUET_EINVAL);
	CHECK_HAS(duet_errmsg(), "NULL");
	CHECK(duet_completed_open(NULL, 3) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK_ERR(duet_completed_next(NULL, &none), DUET_EINVAL);
	CHECK_ERR(duet_map(3, 0, NULL, NULL, NULL), DUET_EINVAL);
	CHECK_EQ(duet_gather(NULL, 0, NULL), 0);
	CHECK_EQ(duet_wait(NULL, 0, 5, DUET_FOREVER), 0);
	return 0;
}

/* An array that is NULL has no tasks to collect. */
TEST(collect_refuses_a_null_array)
{
	CHECK_OK(duet_run(collect_nothing, NULL));
}

static int map_beyond_memory(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_map(SIZE_MAX, 0, fail_nth, NULL, NULL), DUET_ENOMEM);
	CHECK_ERR(duet_map(SIZE_MAX / sizeof(void *) + 2, 0, fail_nth, NULL, NULL), DUET_ENOMEM);
	CHECK_ERR(duet_map(SIZE_MAX, 4, fail_nth, NULL, NULL), -EPROTO);
	return 0;
}

/* A count whose bytes no size_t can hold is out of memory, not a small allocation. */
TEST(map_survives_counts_beyond_memory)
{
	CHECK_OK(duet_run(map_beyond_memory, NULL));
}

static int use_no_scope(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_scope_enter(NULL, 5), DUET_EINVAL);
	CHECK_ERR(duet_scope_shield(NULL, 5), DUET_EINVAL);
	CHECK_ERR(duet_scope_exit(NULL), DUET_EINVAL);
	CHECK_ERR(duet_scope_reschedule(NULL, 5), DUET_EINVAL);
	CHECK_ERR(duet_timeout(5, NULL, NULL), DUET_EINVAL);
	duet_dump(NULL);
	return 0;
}

/* Scopes and functions that are NULL are refused. */
TEST(scope_refuses_null)
{
	CHECK_OK(duet_run(use_no_scope, NULL));
}

static int enter_twice(void *arg)
{
	duet_scope outer, inner;

	(void)arg;
	CHECK_OK(duet_scope_enter(&outer, DUET_S(1)));
	CHECK_ERR(duet_scope_enter(&outer, DUET_S(2)), DUET_EINVAL);
	CHECK_OK(duet_scope_enter(&inner, DUET_S(2)));
	CHECK_ERR(duet_scope_shield(&outer, DUET_S(2)), DUET_EINVAL);
	CHECK_HAS(duet_errmsg(), "entered already");
	CHECK_OK(duet_scope_exit(&inner));
	CHECK_OK(duet_scope_exit(&outer));
	return duet_sleep(DUET_S(3));
}

/* A scope that is entered already is refused, and stays as it was. */
TEST(scope_refuses_to_be_entered_twice)
{
	CHECK_OK(run_virtual(enter_twice, NULL));
}

static void leave_and_reschedule(void)
{
	duet_scope s;

	CHECK_OK(duet_scope_enter(&s, DUET_S(1)));
	CHECK_OK(duet_scope_exit(&s));
	CHECK_ERR(duet_scope_reschedule(&s, DUET_S(1)), DUET_EINVAL);
	fault_arm(FAULT_ALLOC, 1, FAULT_FROM_THEN_ON);
	int r = duet_scope_enter(&s, DUET_S(1)); /* the heap of timers may have room */
	fault_disarm();
	if (r == 0)
		CHECK_OK(duet_scope_exit(&s));
	CHECK_ERR(duet_scope_reschedule(&s, DUET_S(1)), DUET_EINVAL);
}

static int outlive_rescheduled_scope(void *arg)
{
	(void)arg;
	leave_and_reschedule();
	memset((char[4096]){0}, 0x5a, 4096); /* where the scope was */
	return duet_sleep(DUET_S(2));
}

/* A scope that the task has left, or never entered, cannot be rescheduled. */
TEST(scope_left_is_not_rescheduled)
{
	CHECK_OK(run_virtual(outlive_rescheduled_scope, NULL));
}

static int leave_scope_open(void *arg)
{
	duet_scope s;

	(void)arg;
	CHECK_OK(duet_scope_enter(&s, DUET_MS(1)));
	return 3;
}

static int outlive_open_scope(void *arg)
{
	(void)arg;
	CHECK_EQ(duet_timeout(DUET_S(5), leave_scope_open, NULL), 3);
	memset((char[4096]){0}, 0x5a, 4096); /* where the scope was */
	CHECK_OK(duet_sleep(DUET_MS(5)));
	CHECK(!duet_cancelled());
	return 0;
}

/* A scope that the function under a timeout left open ends with that timeout. */
TEST(timeout_drops_scopes_left_open)
{
	CHECK_OK(run_virtual(outlive_open_scope, NULL));
}

static duet_group *group;

static int close_group(void *arg)
{
	(void)arg;
	return duet_group_close(group);
}

static int close_own_group(void *arg)
{
	(void)arg;
	CHECK((group = duet_group_open()) != NULL);
	CHECK_OK(duet_group_spawn(group, close_group, NULL));
	CHECK_ERR(duet_group_close(group), DUET_EDEADLK);
	CHECK_HAS(duet_errmsg(), "itself");
	return 0;
}

/* A task of a group cannot close it: it would wait for itself. */
TEST(group_refuses_to_be_closed_by_its_task)
{
	CHECK_OK(duet_run(close_own_group, NULL));
}

static int nap(void *arg)
{
	return duet_sleep(DUET_MS((intptr_t)arg));
}

static int close_group_twice(void *arg)
{
	duet_task *closer;

	(void)arg;
	CHECK((group = duet_group_open()) != NULL);
	CHECK_OK(duet_group_spawn(group, nap, (void *)5));
	closer = duet_spawn(close_group, NULL);
	CHECK_OK(duet_yield());
	CHECK_ERR(duet_group_close(group), DUET_EBUSY);
	return duet_await(closer);
}

/* While one task closes a group, another cannot. */
TEST(group_refuses_a_second_closer)
{
	CHECK_OK(run_virtual(close_group_twice, NULL));
}

static int check_name(void *arg)
{
	CHECK_STR(duet_task_name(duet_self()), arg);
	return 0;
}

static int name_all(void *arg)
{
	duet_group *g = duet_group_open();

	(void)arg;
	CHECK_OK(duet_group_spawn(g, check_name, (void *)"check_name"));
	CHECK_OK(duet_group_spawn(g, &check_name, (void *)((char *[]){",(", "check_name"})[1]));
	CHECK_OK(duet_group_close(g));
	CHECK_OK(duet_await(duet_spawn_with(&(duet_task_options){.eager = true, .stack_size = 0},
					    check_name, (void *)"check_name")));
	return duet_await(duet_spawn(check_name, (void *)&"\",(check_name"[3]));
}

/* However a task is spawned, it is called as its function. */
TEST(task_name_is_found_in_every_spawning_call)
{
	CHECK_OK(duet_run(name_all, NULL));
}

static int sleep_almost_forever(void *arg)
{
	(void)arg;
	return duet_sleep(DUET_FOREVER - 1);
}

static int wait_beside_a_far_deadline(void *arg)
{
	duet_task *sleeper = duet_spawn(sleep_almost_forever, NULL);

	(void)arg;
	CHECK_EQ(duet_to_thread(return_arg, (void *)3), 3);
	CHECK_EQ(duet_timeout(DUET_FOREVER - 1, return_arg, (void *)4), 4);
	CHECK_EQ(duet_wait(&sleeper, 1, 1, INT64_MIN), 0);
	CHECK_OK(duet_sleep(INT64_MIN));
	CHECK_ERR(duet_timeout(INT64_MIN, sleep_almost_forever, NULL), DUET_ETIMEDOUT);
	CHECK_ERR(duet_cancel_await(sleeper), DUET_ECANCELED);
	return 0;
}

/* Deadlines at either end of time overflow nothing, whatever the clock says. */
TEST(time_has_no_overflow)
{
	CHECK_OK(run_virtual(wait_beside_a_far_deadline, NULL));
	CHECK_OK(duet_run(wait_beside_a_far_deadline, NULL));
}

static int detach_arg(void *arg)
{
	duet_detach(arg);
	return 0;
}

static int await_arg(void *arg)
{
	return duet_await(arg);
}

static int spawn_when_cancelled(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_sleep(DUET_S(1)), DUET_ECANCELED);
	for (int i = 0; i < 64;
	     i++) /* one of them would have the record of a task that was freed */
		CHECK(duet_spawn(return_arg, (void *)-EPROTO) != NULL);
	return 0;
}

static int give_itself_away(void *arg)
{
	duet_spawn(*(duet_fn **)arg, duet_self());
	duet_spawn(spawn_when_cancelled, NULL);
	CHECK_OK(duet_yield());
	return 5;
}

/* The run returns what the main task returned, whoever else has taken it. */
TEST(run_returns_the_result_of_a_main_task_given_away)
{
	CHECK_EQ(run_virtual(give_itself_away, &(duet_fn *){detach_arg}), 5);
	CHECK_EQ(run_virtual(give_itself_away, &(duet_fn *){await_arg}), 5);
}

static int spawn_on(void *arg)
{
	duet_task *t = duet_spawn_with(&(duet_task_options){.stack_size = (size_t)(uintptr_t)arg},
				       return_arg, (void *)3);

	return t != NULL ? duet_await(t) : -errno;
}

/* Stacks of any size are given or refused; none wraps around. */
TEST(task_stack_of_any_size)
{
	static const size_t small[] = {0, 1, 4097, 1 << 20, 1 << 30};
	static const size_t large[] = {(1 << 30) + 1, ((size_t)1 << 60) + 65536, SIZE_MAX / 2,
				       SIZE_MAX - 4095, SIZE_MAX};

	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
		CHECK_EQ(run_virtual(spawn_on, (void *)small[i]), 3);
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		CHECK_ERR(run_virtual(spawn_on, (void *)large[i]), DUET_EINVAL);
		CHECK_ERR(duet_run_with(&(duet_run_options){.stack_size = large[i]}, return_arg,
					NULL),
			  DUET_EINVAL);
		CHECK_HAS(duet_errmsg(), "at most");
	}
}
