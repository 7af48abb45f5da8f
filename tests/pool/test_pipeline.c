#include "tests/lib/test.h"
#include "tests/loop/core/virtual.h"
#include <duet/duet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Items are counted, so that every test can tell that each was sunk or dropped. */
struct item {
	int number;
	int value;
};

static int alive, sunk, dropped, failures, given, limit, late_number = -1;
static int order[2000];

static int count_up(void *ctx, void **item)
{
	struct item *it;

	if (given == limit)
		return 0;
	it = malloc(sizeof(*it));
	*it = (struct item){given, *(int *)ctx};
	given++;
	alive++;
	*item = it;
	return 1;
}

static int square(void *ctx, void *in, void **out)
{
	struct item *it = in;
	int r = duet_sleep(DUET_MS(it->number == late_number ? 500 : 1 + it->number * 7 % 5));

	(void)ctx;
	if (r < 0)
		return r;
	it->value = it->number * it->number;
	*out = it;
	return 0;
}

static int keep_even(void *ctx, void *in, void **out)
{
	struct item *it = in;

	(void)ctx;
	if (it->number % 2 == 0) {
		*out = it;
		return 0;
	}
	free(it);
	alive--;
	return 0;
}

static int fail_every_tenth(void *ctx, void *in, void **out)
{
	struct item *it = in;

	(void)ctx;
	if (it->number % 10 == 9)
		return duet_await(NULL);
	*out = it;
	return duet_sleep(DUET_MS(1));
}

static int sink(void *ctx, void *item)
{
	struct item *it = item;

	(void)ctx;
	order[sunk++] = it->number;
	free(it);
	alive--;
	return 0;
}

static void drop(void *item)
{
	free(item);
	alive--;
	dropped++;
}

static void on_failed(void *context, const char *stage, void *item, int code, const char *words)
{
	CHECK(context == &failures);
	CHECK_STR(stage, "check");
	CHECK_EQ(((struct item *)item)->number % 10, 9);
	CHECK_EQ(code, DUET_ENOMEM);
	CHECK_STR(words, duet_strerror(DUET_ENOMEM));
	failures++;
}

static int zero;

#define SOURCE                                                                                     \
	{                                                                                          \
		.name = "count", .source = count_up, .ctx = &zero                                  \
	}
#define SINK                                                                                       \
	{                                                                                          \
		.name = "sink", .sink = sink                                                       \
	}

static int run_ordered(void *arg)
{
	duet_stage stages[] = {
		SOURCE, {.name = "square", .map = square, .concurrency = 8, .ordered = true}, SINK};
	duet_stage_stats stats[3];

	(void)arg;
	CHECK_OK(duet_pipeline_run(stages, 3, NULL, stats));
	CHECK_EQ(stats[0].out, limit);
	CHECK_EQ(stats[1].in, limit);
	CHECK_EQ(stats[1].out, limit);
	CHECK_EQ(stats[2].in, limit);
	CHECK_LE(stats[1].most_waiting, 16);
	CHECK(stats[1].busy > 0);
	return 0;
}

/* An ordered stage gives its items on in the order of the source, however long each takes. */
TEST(pipeline_keeps_order)
{
	limit = 1000;
	CHECK_OK(run_virtual(run_ordered, NULL));
	CHECK_EQ(sunk, limit);
	CHECK_EQ(alive, 0);
	for (int i = 0; i < limit; i++)
		CHECK_EQ(order[i], i);
}

static int run_unordered_then_ordered(void *arg)
{
	duet_stage stages[] = {
		SOURCE,
		{.name = "square", .map = square, .concurrency = 8},
		{.name = "keep", .map = keep_even, .concurrency = 2, .ordered = true},
		SINK};
	duet_stage_stats stats[4];

	(void)arg;
	CHECK_OK(duet_pipeline_run(stages, 4, NULL, stats));
	CHECK_EQ(stats[2].filtered, limit / 2);
	return 0;
}

/* One late item before an ordered stage holds back the source, and never locks the pipeline. */
TEST(pipeline_late_item_does_not_lock)
{
	limit = 1000;
	late_number = 10;
	CHECK_OK(run_virtual(run_unordered_then_ordered, NULL));
	CHECK_EQ(sunk, limit / 2);
	CHECK_EQ(alive, 0);
	for (int i = 0; i < sunk; i++)
		CHECK_EQ(order[i], 2 * i);
}

static int run_unbounded(void *arg)
{
	duet_stage stages[] = {
		SOURCE,
		{.name = "square", .map = square, .ordered = true, .capacity = DUET_UNBOUNDED},
		SINK};

	(void)arg;
	stages[2].capacity = DUET_UNBOUNDED;
	return duet_pipeline_run(stages, 3, NULL, NULL);
}

/* Queues without bound keep order as well. */
TEST(pipeline_without_bounds_keeps_order)
{
	limit = 1000;
	CHECK_OK(run_virtual(run_unbounded, NULL));
	CHECK_EQ(sunk, limit);
	for (int i = 0; i < sunk; i++)
		CHECK_EQ(order[i], i);
}

static int run_failing(void *arg)
{
	duet_pipeline_options o = {.policy = (duet_pipeline_policy)(intptr_t)arg,
				   .drop = drop,
				   .failed = on_failed,
				   .context = &failures};
	duet_stage stages[] = {
		SOURCE,
		{.name = "check", .map = fail_every_tenth, .concurrency = 3, .ordered = true},
		SINK};

	return duet_pipeline_run(stages, 3, &o, NULL);
}

/* By default the first failure stops the pipeline, names the stage, and every item is dropped. */
TEST(pipeline_stops_at_the_first_failure)
{
	limit = 1000;
	CHECK_ERR(run_virtual(run_failing, (void *)DUET_PIPELINE_STOP), DUET_ENOMEM);
	CHECK_HAS(duet_errmsg(), "stage check");
	CHECK_EQ(alive, 0);
	CHECK_LE(given, 50);
}

/* Skipping, failed items are told and dropped, and the others go on in order. */
TEST(pipeline_skips_failed_items)
{
	limit = 1000;
	CHECK_OK(run_virtual(run_failing, (void *)DUET_PIPELINE_SKIP));
	CHECK_EQ(failures, 100);
	CHECK_EQ(dropped, 100);
	CHECK_EQ(sunk, 900);
	CHECK_EQ(alive, 0);
}

static int run_under_scope(void *arg)
{
	duet_scope s;
	duet_pipeline_options o = {.drop = drop};
	duet_stage stages[] = {
		SOURCE, {.name = "square", .map = square, .concurrency = 8, .ordered = true}, SINK};

	CHECK_OK(duet_scope_enter(&s, DUET_MS((intptr_t)arg)));
	CHECK_ERR(duet_pipeline_run(stages, 3, &o, NULL), DUET_ECANCELED);
	CHECK_EQ(alive, 0);
	CHECK_ERR(duet_scope_exit(&s), DUET_ETIMEDOUT);
	return 0;
}

/* Cancelled at any moment it ends at once and leaves no item. */
TEST(pipeline_cancelled_drops_everything)
{
	limit = 100000;
	for (intptr_t ms = 1; ms < 40; ms++)
		CHECK_OK(run_virtual(run_under_scope, (void *)ms));
}

static int run_endless(void *arg)
{
	duet_stage stages[] = {SOURCE,
			       {.name = "keep",
				.map = keep_even,
				.concurrency = 1,
				.capacity = 1,
				.ordered = true},
			       {.name = "square", .map = square, .concurrency = 4, .capacity = 1},
			       SINK};

	(void)arg;
	return duet_pipeline_run(stages, 4, NULL, NULL);
}

/* The smallest capacities work, and a source of nothing ends at once. */
TEST(pipeline_small_and_empty)
{
	limit = 500;
	CHECK_OK(run_virtual(run_endless, NULL));
	CHECK_EQ(sunk, 250);
	given = limit = 0;
	CHECK_OK(run_virtual(run_endless, NULL));
	CHECK_EQ(alive, 0);
}

static int refuse(void *arg)
{
	duet_stage good[] = {SOURCE, SINK}, no_source[] = {SINK, SINK}, late[] = {SOURCE, SOURCE},
		   both[] = {SOURCE, {.map = square, .sink = sink}},
		   no_pool[] = {SOURCE, {.name = "job", .job = "x"}};

	(void)arg;
	CHECK_ERR(duet_pipeline_run(good, 1, NULL, NULL), DUET_EINVAL);
	CHECK_ERR(duet_pipeline_run(no_source, 2, NULL, NULL), DUET_EINVAL);
	CHECK_HAS(duet_errmsg(), "must be a source");
	CHECK_ERR(duet_pipeline_run(late, 2, NULL, NULL), DUET_EINVAL);
	CHECK_ERR(duet_pipeline_run(both, 2, NULL, NULL), DUET_EINVAL);
	CHECK_HAS(duet_errmsg(), "exactly one");
	CHECK_ERR(duet_pipeline_run(no_pool, 2, NULL, NULL), DUET_EINVAL);
	CHECK_HAS(duet_errmsg(), "no pool");
	return 0;
}

/* Stages that make no pipeline are refused in words. */
TEST(pipeline_refuses_nonsense)
{
	CHECK_OK(run_virtual(refuse, NULL));
	CHECK_ERR(duet_pipeline_run((duet_stage[]){SOURCE, SINK}, 2, NULL, NULL), DUET_ENOTASK);
}

static int double_each_byte(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	char *out = duet_job_reserve(job, 2 * in.len);

	for (size_t i = 0; i < in.len; i++)
		out[2 * i] = out[2 * i + 1] = ((const char *)in.data)[i];
	return 0;
}

static int give_bufs(void *ctx, void **item)
{
	duet_buf *buf;
	char text[16];

	(void)ctx;
	if (given == limit)
		return 0;
	buf = calloc(1, sizeof(*buf));
	snprintf(text, sizeof(text), "%d", given++);
	CHECK_OK(duet_buf_copy(buf, text, strlen(text)));
	*item = buf;
	return 1;
}

static int check_buf(void *ctx, void *item)
{
	duet_buf *buf = item;
	char text[16], twice[32] = "";

	(void)ctx;
	snprintf(text, sizeof(text), "%d", sunk++);
	for (char *c = text; *c != '\0'; c++)
		memset(twice + 2 * (c - text), *c, 2);
	CHECK_STR(buf->data, twice);
	duet_pipeline_drop_buf(buf);
	return 0;
}

static int run_jobs(void *pool)
{
	duet_stage stages[] = {{.name = "give", .source = give_bufs},
			       {.name = "double", .job = "double", .pool = pool, .ordered = true},
			       {.name = "check", .sink = check_buf}};

	return duet_pipeline_run(stages, 3, NULL, NULL);
}

/* A stage may be a pool job: items pass through the workers, and keep their order. */
TEST(pipeline_runs_jobs_in_the_pool)
{
	duet_pool *pool;

	limit = 500;
	CHECK_OK(duet_job_register("double", double_each_byte));
	pool = duet_pool_open(&(duet_pool_options){.workers = 2});
	CHECK(pool != NULL);
	CHECK_OK(duet_run(run_jobs, pool));
	CHECK_EQ(sunk, limit);
	CHECK_OK(duet_pool_close(pool));
}
