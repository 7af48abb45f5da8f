/* How long others wait while many answers land.  Counted is the time this thread computes between
 * two turns of a ticker, so that what else the machine does plays no part. */
#include "tests/loop/http/client.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CALLS = 200, ROUNDS = 20, TICKS_MAX = 20000 };

static struct server *server;
static duet_http *http_;
static duet_time lags[TICKS_MAX];
static int ticks;

/* Holds every answer back until 200 are asked for, then gives them all. */
static void all_at_once(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	while (server_take(fd, NULL)) {
		int wave = (server_log->marks[0]++ / CALLS + 1) * CALLS;

		while (server_log->marks[0] < wave)
			server_pause_ms(1);
		server_reply(fd, 200, NULL, "ok");
	}
}

static int fetch(void *ctx, size_t i)
{
	duet_http_response out = {0};
	int r = get(http_, server->url, &out);

	(void)ctx, (void)i;
	duet_http_response_free(&out);
	return r;
}

static duet_time computed(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (duet_time)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int tick(void *arg)
{
	duet_time before = computed();

	(void)arg;
	while (duet_sleep(DUET_MS(1)) == 0) {
		if (ticks < TICKS_MAX)
			lags[ticks++] = computed() - before;
		before = computed();
	}
	return 0;
}

static int by_size(const void *a, const void *b)
{
	duet_time x = *(const duet_time *)a, y = *(const duet_time *)b;

	return (x > y) - (x < y);
}

static void waves(duet_http *http)
{
	duet_task *ticker;

	http_ = http;
	CHECK_OK(duet_map(CALLS, 0, fetch, NULL, NULL));
	ticker = duet_spawn(tick, NULL);
	for (int i = 0; i < ROUNDS; i++)
		CHECK_OK(duet_map(CALLS, 0, fetch, NULL, NULL));
	CHECK_EQ(duet_cancel_await(ticker), 0);
	CHECK_GE(ticks, 10);
	qsort(lags, (size_t)ticks, sizeof(*lags), by_size);
}

/* While 200 answers land at once, a 1 ms ticker waits for 3 ms of others' work at most, 99 times of
 * 100. */
TEST(lag_answers_landing_at_once_delay_nobody)
{
	if (test_is_slow())
		SKIP("times mean nothing here");
	server = server_start(all_at_once, NULL);
	server_url(server, "/");
	with_client(NULL, waves);
	server_stop(server);
	CHECK_LE(lags[ticks * 99 / 100], DUET_MS(3));
}
