#include "loop/llm/pace.h"

#include "loop/core/fail.h"
#include "loop/core/park.h"
#include "loop/llm/retry.h"
#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

enum { FIRST_LIMIT = 8, MOST_FOUND = 256 };

/* --- chance --- */

uint64_t duet__pace_bits(duet__pace *p)
{
	uint64_t x = p->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

double duet__pace_random(duet__pace *p)
{
	return (double)(duet__pace_bits(p) >> 11) * 0x1p-53;
}

/* --- life --- */

static double burst_of(double per_minute)
{
	double a_second = per_minute / 60;

	return a_second < 1 ? 1 : a_second;
}

static int open_budget(duet__budget *b, double per_minute)
{
	if (per_minute == 0)
		return 0;
	b->bucket = duet_ratelimit_new(per_minute / 60, burst_of(per_minute));
	if (b->bucket == NULL)
		return errno == ENOMEM ? DUET_ENOMEM : DUET_EINVAL;
	b->per_minute = per_minute;
	return 0;
}

int duet__pace_init(duet__pace *p, size_t max_concurrent, double rpm, double tpm, duet_time longest,
		    uint64_t seed)
{
	int r;

	*p = (duet__pace){.is_exploring = true, .longest = longest, .random = seed};
	duet__list_init(&p->waiting);
	p->most = max_concurrent != 0 ? (double)max_concurrent : MOST_FOUND;
	p->limit = max_concurrent != 0 ? (double)max_concurrent : FIRST_LIMIT;
	p->cut_at = INT64_MIN;
	p->requests.is_fixed = rpm != 0;
	p->tokens.is_fixed = tpm != 0;
	if (seed == 0 && getrandom(&p->random, sizeof(p->random), GRND_NONBLOCK) < 0)
		p->random = (uint64_t)duet_now() ^ (uintptr_t)p;
	r = open_budget(&p->requests, rpm);
	return r < 0 ? r : open_budget(&p->tokens, tpm);
}

void duet__pace_fini(duet__pace *p)
{
	duet_ratelimit_free(p->requests.bucket);
	duet_ratelimit_free(p->tokens.bucket);
	p->requests.bucket = p->tokens.bucket = NULL;
}

void duet__pace_close(duet__pace *p)
{
	p->closed = true;
	duet__wake_all(&p->waiting, DUET_ECLOSED);
	duet__pace_fini(p); /* wakes those who wait for a budget */
}

/* --- places --- */

static void fill_places(duet__pace *p)
{
	while (!duet__list_is_empty(&p->waiting) && (double)p->active + 1 <= p->limit) {
		p->active++;
		duet__wake_first(&p->waiting, 0);
	}
}

static int take_place(duet__pace *p, bool again)
{
	DUET__WAITER(w, "place at the LLM server");
	int r;

	if (duet__list_is_empty(&p->waiting) && (double)p->active + 1 <= p->limit) {
		p->active++;
		return 0;
	}
	duet__list_append(again ? p->waiting.next : &p->waiting, &w.node);
	p->queued++;
	r = duet__park(&w);
	p->queued--;
	return r;
}

/* Until the end of the cool-down.  A little at random on top, or all would go at once. */
static int sit_out_cooldown(duet__pace *p)
{
	int r;

	for (;;) {
		duet_time left = p->cooldown_until - duet_now();

		if (left <= 0)
			return p->closed ? DUET_ECLOSED : 0;
		if (left > p->longest) /* of another run's clock */
			left = p->longest;
		left += (duet_time)(duet__pace_random(p) * 0.1 * (double)left);
		if ((r = duet_sleep(left)) < 0)
			return r;
	}
}

static int take_budget(duet__budget *b, double n)
{
	return b->bucket != NULL && n > 0 ? duet_ratelimit_take(b->bucket, n) : 0;
}

int duet__pace_enter(duet__pace *p, double tokens, bool again)
{
	int r;

	if (p->closed)
		return DUET_ECLOSED;
	if ((r = take_place(p, again)) < 0)
		return r;
	if ((r = sit_out_cooldown(p)) < 0 || (r = take_budget(&p->requests, 1)) < 0 ||
	    (r = take_budget(&p->tokens, tokens)) < 0) {
		duet__pace_leave(p);
		return r;
	}
	return 0;
}

void duet__pace_leave(duet__pace *p)
{
	p->active--;
	fill_places(p);
}

/* --- what the server makes of it --- */

void duet__pace_succeeded(duet__pace *p)
{
	if ((double)p->active < p->limit / 2)
		return; /* the limit was not what held it back */
	p->limit += p->is_exploring ? 1 : 1 / p->limit;
	if (p->limit > p->most)
		p->limit = p->most;
	fill_places(p);
}

void duet__pace_throttled(duet__pace *p, duet_time sent_at, duet_time pause)
{
	duet_time now = duet_now();

	if (pause > p->longest)
		pause = p->longest;
	if (pause > 0 && now + pause > p->cooldown_until)
		p->cooldown_until = now + pause;
	if (sent_at <= p->cut_at)
		return; /* it was under way when the places were halved */
	p->cut_at = now;
	p->is_exploring = false;
	p->limit = p->limit > 2 ? p->limit / 2 : 1;
}

void duet__pace_settle(duet__pace *p, double tokens)
{
	if (p->tokens.bucket != NULL)
		duet_ratelimit_adjust(p->tokens.bucket, tokens);
}

/* --- what the server says of its limits --- */

static bool parse_count(const char *text, double *out)
{
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}

static void learn_rate(duet__budget *b, double per_minute)
{
	if (per_minute < 1 || per_minute == b->per_minute)
		return;
	if (b->bucket == NULL)
		open_budget(b, per_minute); /* without memory there is no budget */
	else if (duet_ratelimit_set(b->bucket, per_minute / 60, burst_of(per_minute)) == 0)
		b->per_minute = per_minute;
}

void duet__pace_learn(duet__pace *p, duet__budget *b, const char *limit, const char *remaining,
		      const char *reset)
{
	double most, left;
	duet_time pause = duet__retry_duration(reset);

	if (p->closed || b->is_fixed)
		return;
	if (parse_count(limit, &most))
		learn_rate(b, most);
	if (parse_count(remaining, &left) && left < 1 && pause > 0 && pause <= p->longest &&
	    duet_now() + pause > p->cooldown_until)
		p->cooldown_until = duet_now() + pause;
}
