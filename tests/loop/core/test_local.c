#include <duet/duet.h>

#include "tests/lib/run.h"
#include "tests/lib/test.h"

static const duet_local request = DUET_LOCAL("request"), user = DUET_LOCAL("user");

static const char *get(const duet_local *key)
{
	const char *value = duet_local_get(key);

	return value != NULL ? value : "-";
}

static int grandchild(void *arg)
{
	(void)arg;
	note("grandchild %s %s", get(&request), get(&user));
	return 0;
}

static int child(void *arg)
{
	note("child %s %s", get(&request), get(&user));
	CHECK_OK(duet_local_set(&request, arg));
	duet_yield();
	note("child %s %s", get(&request), get(&user));
	return duet_await(duet_spawn(grandchild, NULL));
}

static int family(void *arg)
{
	(void)arg;
	CHECK_OK(duet_local_set(&request, "r1"));
	CHECK_OK(duet_local_set(&user, "anna"));
	duet_task *t = duet_spawn(child, "r2");
	CHECK_OK(duet_local_set(&user, "ben"));
	CHECK_OK(duet_await(t));
	note("main %s %s", get(&request), get(&user));
	return 0;
}

/* A task starts with its spawner's values of that moment; what either sets later stays its own. */
TEST(local_is_inherited_at_spawn_and_then_apart)
{
	CHECK_OK(run_virtual(family, NULL));
	CHECK_STR(notes(), "child r1 anna, child r2 anna, grandchild r2 anna, main r1 ben");
	CHECK_STR(get(&request), "-");
}

static int in_a_group(void *arg)
{
	(void)arg;
	CHECK_OK(duet_local_set(&request, "g"));
	duet_group *g = duet_group_open();
	CHECK_OK(duet_group_spawn(g, grandchild, NULL));
	CHECK_OK(duet_local_set(&request, NULL));
	return duet_group_close(g);
}

/* Tasks of a group inherit too. */
TEST(local_is_inherited_by_a_group)
{
	CHECK_OK(run_virtual(in_a_group, NULL));
	CHECK_STR(notes(), "grandchild g -");
}

static int nothing(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_local_set(NULL, "x"), -EINVAL);
	CHECK_STR(get(&request), "-");
	return 0;
}

/* A new run knows nothing of the last; outside tasks there are no values. */
TEST(local_is_empty_in_a_new_run)
{
	CHECK_OK(run_virtual(family, NULL));
	CHECK_OK(run_virtual(nothing, NULL));
	CHECK_ERR(duet_local_set(&request, "x"), DUET_ENOTASK);
}
