#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "tests/loop/core/virtual.h"
#include <duet/duet.h>
#include <stdint.h>

static bool is_shortage(int r)
{
	return r == DUET_ENOMEM || r == -EMFILE || r == -EAGAIN;
}

/* Under a shortage a call either works, says so, or tells of the cancellation it caused. */
static void check_result(int r)
{
	CHECK(r >= 0 || is_shortage(r) || r == DUET_ECANCELED);
}

static int nap(void *arg)
{
	return duet_sleep(DUET_MS((intptr_t)arg));
}

static int nap_in_scope(void *arg)
{
	duet_scope s;
	int r = duet_scope_enter(&s, DUET_MS(5)), slept;

	if (r < 0)
		return r;
	slept = nap(arg);
	r = duet_scope_exit(&s);
	return r < 0 ? r : slept;
}

static int nap_nth(void *ctx, size_t i)
{
	(void)ctx;
	return duet_sleep(DUET_MS(i % 7));
}

static void in_group(void)
{
	duet_group *g = duet_group_open();

	if (g == NULL) {
		CHECK(is_shortage(-errno));
		return;
	}
	for (intptr_t i = 0; i < 3; i++)
		check_result(duet_group_spawn(g, nap, (void *)i));
	check_result(duet_group_close(g));
}

static int use_everything(void *arg)
{
	duet_task *t[3], *left;
	int results[3], r;

	(void)arg;
	for (intptr_t i = 0; i < 3; i++)
		t[i] = duet_spawn(nap, (void *)i);
	r = duet_wait(t, 3, 2, DUET_S(1));
	CHECK(r >= 0 || r == DUET_ENOMEM);
	check_result(duet_gather(t, 3, results));
	for (intptr_t i = 0; i < 3; i++)
		t[i] = duet_spawn(nap_in_scope, (void *)(4 * i));
	r = duet_settle(t, 3, results);
	CHECK(r >= 0 && r <= 3);
	CHECK(results[2] < 0);
	for (intptr_t i = 0; i < 2; i++)
		t[i] = duet_spawn(nap, (void *)i);
	check_result(duet_race(t, 2, NULL));
	check_result(duet_map(20, 4, nap_nth, NULL, NULL));
	in_group();
	left = duet_spawn(nap, (void *)(intptr_t)1000000);
	if (left != NULL)
		check_result(duet_task_set_name(left, "left behind"));
	r = duet_timeout(DUET_MS(3), nap, (void *)(intptr_t)100);
	CHECK(r == DUET_ETIMEDOUT || is_shortage(r));
	return 7;
}

static int run_everything(void *arg)
{
	int r = run_virtual(use_everything, arg);

	CHECK(r == 7 || is_shortage(r));
	return r;
}

/* Whatever cannot be allocated is reported, and nothing is lost, hangs or is left. */
TEST(allocation_failing_once_is_reported)
{
	CHECK_GE(fault_sweep(FAULT_ALLOC, FAULT_ONCE, run_everything, NULL), 3);
	CHECK_EQ(run_everything(NULL), 7);
}

/* The same when memory stays short. */
TEST(allocations_failing_from_then_on_are_reported)
{
	CHECK_GE(fault_sweep(FAULT_ALLOC, FAULT_FROM_THEN_ON, run_everything, NULL), 3);
	CHECK_EQ(run_everything(NULL), 7);
}

/* Stacks that cannot be mapped are reported like memory that is short. */
TEST(mapping_failing_is_reported)
{
	CHECK_GE(fault_sweep(FAULT_MAP, FAULT_ONCE, run_everything, NULL), 1);
	fault_sweep(FAULT_MAP, FAULT_FROM_THEN_ON, run_everything, NULL);
	CHECK_EQ(run_everything(NULL), 7);
}

/* A run that gets no descriptor says so. */
TEST(descriptors_failing_are_reported)
{
	fault_sweep(FAULT_FD, FAULT_ONCE, run_everything, NULL);
	fault_sweep(FAULT_FD, FAULT_FROM_THEN_ON, run_everything, NULL);
	CHECK_EQ(run_everything(NULL), 7);
}
