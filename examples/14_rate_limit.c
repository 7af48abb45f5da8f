/* Lesson 14: requests at once and requests a minute are two limits.
 *
 * A semaphore bounds how many are in flight.  600 a minute is a rate: a bucket of ten tokens that
 * gains ten a second.  Forty requests spend the ten at once and wait 3 s for thirty more, however
 * many may be in flight. */
#include "lesson.h"

static duet_ratelimit *requests_per_minute;

static int ask(void *ctx, size_t i)
{
	(void)ctx;
	(void)i;
	int r = duet_ratelimit_take(requests_per_minute, 1);

	return r < 0 ? r : duet_sleep(DUET_MS(20));
}

static int lesson(void *arg)
{
	(void)arg;
	requests_per_minute = duet_ratelimit_new(600 / 60.0, 10);
	duet_time start = duet_now();

	int r = duet_map(40, 0, ask, NULL, NULL);
	printf("40 requests at 600 a minute: %.1f s\n", seconds_since(start));
	duet_ratelimit_free(requests_per_minute);
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
