/* Percentiles of durations, and those that a pool tells. */
#include "pool/histogram.h"

#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <stdlib.h>
#include <string.h>

static duet__histogram h;

static duet_time percentile(int percent)
{
	duet_time t;
	duet__histogram_percentiles(&h, &percent, &t, 1);
	return t;
}

/* Nothing counted is nothing told, and one duration is all of them. */
TEST(histogram_of_none_and_one)
{
	CHECK_EQ(percentile(50), 0);
	CHECK_EQ(percentile(99), 0);
	duet__histogram_add(&h, 123456789);
	CHECK_EQ(percentile(1), 123456789);
	CHECK_EQ(percentile(99), 123456789);
}

/* Every duration a clock can tell has its place, and no end is a step off. */
TEST(histogram_takes_any_duration)
{
	static const duet_time ends[] = {-5, 0,  1,   7,    8,         15,
					 16, 17, 255, 1000, INT64_MAX, INT64_MAX - 1};
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		memset(&h, 0, sizeof(h));
		duet__histogram_add(&h, ends[i]);
		CHECK_EQ(percentile(50), ends[i] < 0 ? 0 : ends[i]);
	}
}

static int ascending(const void *a, const void *b)
{
	duet_time x = *(const duet_time *)a, y = *(const duet_time *)b;
	return (x > y) - (x < y);
}

/* What it tells is within an eighth of what sorting says. */
TEST(histogram_agrees_with_sorting)
{
	enum { N = 10000 };
	static duet_time all[N];
	static const int percents[] = {1, 50, 95, 99, 100};
	duet_time told[5];
	unsigned seed = (unsigned)test_seed();
	for (int i = 0; i < N; i++) {
		all[i] = (duet_time)(rand_r(&seed) >> (rand_r(&seed) % 30));
		duet__histogram_add(&h, all[i]);
	}
	qsort(all, N, sizeof(*all), ascending);
	duet__histogram_percentiles(&h, percents, told, 5);
	for (int i = 0; i < 5; i++) {
		duet_time exact = all[percents[i] * N / 100 - 1];
		CHECK_GE(told[i], exact);
		CHECK_LE(told[i], exact + exact / 8);
	}
}

static duet_pool *pool;

static int sleep_ms(void *ctx, size_t i)
{
	(void)ctx;
	return duet_pool_call(pool, "sleep", i == 0 ? DUET_STR("60") : DUET_STR("2"), NULL);
}

static int tell(void *arg)
{
	duet_pool_stats_t s;
	(void)arg;
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_EQ(s.run_p50 + s.wait_p99, 0);
	CHECK_OK(duet_map(20, 0, sleep_ms, NULL, NULL));
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_GE(s.run_p50, DUET_MS(2));
	CHECK_LE(s.run_p50, s.run_p95);
	CHECK_LE(s.run_p95, s.run_p99);
	CHECK_GE(s.run_p99, DUET_MS(60));
	CHECK_LE(s.run_p99, s.run_time);
	CHECK_LE(s.wait_p50, s.wait_p95);
	CHECK_LE(s.wait_p95, s.wait_p99);
	CHECK_GE(s.wait_p99, DUET_MS(2));
	CHECK_LE(s.wait_p99, s.wait_time);
	return 0;
}

/* A pool tells how long its jobs ran and its calls waited. */
TEST(histogram_of_a_pool)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(tell, NULL));
	CHECK_OK(duet_pool_close(pool));
}
