/* Allocations, mappings, descriptors and forks that fail, one after the other, in the parent and in
 * the processes it forks. */
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <stdlib.h>
#include <string.h>

static duet_pool *pool;

static bool is_fair(int r)
{
	return r >= 0 || r == DUET_ENOMEM || r == -EMFILE || r == DUET_EAGAIN || r == DUET_EPOOL ||
	       r == DUET_EWORKER || r == -EIO;
}

#define CHECK_FAIR(call)                                                                           \
	do {                                                                                       \
		int fair = (call);                                                                 \
		if (!is_fair(fair))                                                                \
			test_fail(__FILE__, __LINE__, "%s is %s: %s", #call, duet_err_name(fair),  \
				  duet_errmsg());                                                  \
	} while (0)

static void use_after_a_death(void)
{
	int r = duet_pool_call(pool, "signal", DUET_STR("9"), NULL);
	CHECK(r < 0 && is_fair(r));
	CHECK_FAIR(duet_pool_call(pool, "echo", DUET_STR("again"), NULL));
}

static int use_pool(void *arg)
{
	static char big[100000];
	duet_buf out = {0}, in = {0}, outs[3] = {{0}};
	duet_bytes ins[3] = {DUET_STR("1"), DUET_STR("2"), DUET_STR("3")};
	CHECK_FAIR(duet_pool_call(pool, "upper", DUET_STR("hello"), &out));
	duet_buf_free(&out);
	CHECK_FAIR(duet_pool_call(pool, "echo", DUET_BYTES(big, sizeof(big)), &out));
	CHECK(out.data == NULL || out.len == sizeof(big));
	duet_buf_free(&out);
	CHECK_FAIR(duet_pool_alloc(pool, 50000, &in));
	CHECK_FAIR(duet_pool_call(pool, "sum", DUET_BYTES(in.data, in.len), &out));
	duet_buf_free(&in);
	duet_buf_free(&out);
	CHECK_FAIR(duet_pool_map(pool, "echo", ins, 3, outs, NULL));
	for (int i = 0; i < 3; i++)
		duet_buf_free(&outs[i]);
	if (*(bool *)arg)
		use_after_a_death();
	return 0;
}

static int whole_life(void *arg)
{
	pool = duet_pool_open(&(duet_pool_options){.workers = 1});
	if (pool == NULL) {
		CHECK(is_fair(-errno));
		return 0;
	}
	CHECK_FAIR(duet_run(use_pool, arg));
	CHECK_OK(duet_pool_close(pool));
	return 0;
}

static void sweep(int kinds, enum fault_span span)
{
	jobs_register();
	if (test_is_tsan())
		SKIP("forks from a coroutine");
	/* If nothing can be forked at all, giving up takes its ten seconds each time. */
	bool with_a_death = span == FAULT_ONCE;
	CHECK_GE(fault_sweep(kinds, span, whole_life, &with_a_death), 2);
}

/* One allocation fails: the call that needed it says so, and the pool goes on. */
TEST_WITHIN(faults_one_allocation, 60)
{
	sweep(FAULT_ALLOC, FAULT_ONCE);
}

/* None succeeds from some point on: every call still ends. */
TEST_WITHIN(faults_all_allocations, 120)
{
	sweep(FAULT_ALLOC, FAULT_FROM_THEN_ON);
}

/* One mapping, descriptor or fork fails. */
TEST_WITHIN(faults_one_resource, 60)
{
	sweep(FAULT_MAP | FAULT_FD | FAULT_SPAWN, FAULT_ONCE);
}

/* All of them fail from some point on. */
TEST_WITHIN(faults_all_resources, 120)
{
	sweep(FAULT_MAP | FAULT_FD | FAULT_SPAWN, FAULT_FROM_THEN_ON);
}
