/* What a server says of pauses and limits: Retry-After (seconds and dates), retry-after-ms,
 * x-ratelimit-*.  A pause is unknown or within bounds; a limit learned is a number that can be kept.
 *
 * Input: lines; each is tried as every header, and three in a row are limit, remaining and reset. */
#include "loop/llm/pace.h"
#include "loop/llm/retry.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_pause(duet_time t)
{
	must(t == -1 || (t >= 0 && t <= DUET__RETRY_MAX));
}

static void try_pauses(const char *value)
{
	duet_time early = duet__retry_after(value, 0), late = duet__retry_after(value, INT32_MAX);

	must_be_pause(early);
	must_be_pause(late);
	must((early == -1) == (late == -1) && early >= late); /* a date comes nearer */
	must_be_pause(duet__retry_after(value, INT64_MAX / 2));
	must_be_pause(duet__retry_after_ms(value));
	must_be_pause(duet__retry_duration(value));
}

static void try_limits(const char *limit, const char *remaining, const char *reset)
{
	duet__pace p;

	must(duet__pace_init(&p, 0, 0, 0, DUET_S(120), 1) == 0);
	duet__pace_learn(&p, &p.requests, limit, remaining, reset);
	duet__pace_learn(&p, &p.requests, limit, remaining, reset);
	must(p.requests.bucket == NULL ||
	     (isfinite(p.requests.per_minute) && p.requests.per_minute >= 1));
	must(p.cooldown_until <= duet_now() + DUET_S(120));
	duet__pace_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *last[3] = {0};

	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (char *line = text, *end; line != NULL; line = end) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		last[0] = last[1];
		last[1] = last[2];
		last[2] = line;
		try_pauses(line);
		try_limits(last[0], last[1], last[2]);
	}
	free(text);
	return 0;
}
