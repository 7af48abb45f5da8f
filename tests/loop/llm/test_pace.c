/* Waiting, on the virtual clock: attempts are played by a function instead of a server. */
#include "loop/llm/client.h"
#include "tests/lib/test.h"

#include <duet/duet.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 1000 };

static struct {
	duet_llm *llm;
	duet_time start;
	duet_time at[MOST]; /* when attempts began */
	int attempts, now, peak;
	/* the plan */
	duet_time lasts;           /* an attempt                      */
	duet_time throttled_until; /* from the start: 429 until then  */
	int failures;              /* the first so many fail          */
	duet_time pause;           /* that failures ask for; -1 none  */
	int later_peak;            /* of those after throttled_until  */
} play;

static duet__verdict attempt(duet__call *c)
{
	duet_time since = duet_now() - play.start;
	duet__verdict v = {.pause = -1};

	if (play.attempts < MOST)
		play.at[play.attempts] = since;
	play.attempts++;
	play.now++;
	if (play.now > play.peak)
		play.peak = play.now;
	if (since > play.throttled_until && play.now > play.later_peak)
		play.later_peak = play.now;
	if (duet_sleep(play.lasts) < 0)
		v.code = DUET_ECANCELED;
	play.now--;
	c->out->attempts++;
	if (v.code == 0 && (since < play.throttled_until || play.attempts <= play.failures))
		v = (duet__verdict){.code = play.throttled_until > 0 ? DUET_ERATE : DUET_ESERVER,
				    .again = true,
				    .throttled = play.throttled_until > 0,
				    .pause = play.pause};
	return v;
}

static int call(void *ctx, size_t i)
{
	duet_completion out;
	duet__call c = {.llm = play.llm, .chat = &(duet_chat){.prompt = "hi"}, .out = &out};
	int r = duet__call_run(&c, false, attempt);

	(void)ctx, (void)i;
	duet_completion_free(&out);
	return r;
}

static int calls_wanted, calls_failed;

static int main_task(void *options)
{
	static int results[MOST];

	play.llm = duet_llm_open(options);
	CHECK(play.llm != NULL);
	play.start = duet_now();
	(void)!duet_map((size_t)calls_wanted, 0, call, NULL, results);
	calls_failed = 0;
	for (int i = 0; i < calls_wanted; i++)
		calls_failed += results[i] < 0;
	duet_llm_close(play.llm);
	return 0;
}

static void run(int calls, duet_llm_options o)
{
	o.base_url = "http://127.0.0.1:1/v1";
	o.api_key = "";
	o.model = "m";
	if (o.seed == 0)
		o.seed = 7;
	calls_wanted = calls;
	CHECK_OK(duet_run_with(&(duet_run_options){.clock = DUET_CLOCK_VIRTUAL}, main_task, &o));
}

/* Attempts wait longer and longer, at random, and stop after the retries. */
TEST(pace_backoff_grows_and_ends)
{
	play.failures = MOST;
	play.pause = -1;
	run(1, (duet_llm_options){.retries = 6});
	CHECK_EQ(play.attempts, 7);
	CHECK_EQ(calls_failed, 1);
	for (int i = 1; i < 7; i++) {
		duet_time most = DUET_MS(500) << (i - 1);

		CHECK_LE(play.at[i] - play.at[i - 1], most < DUET_S(8) ? most : DUET_S(8));
	}
}

/* A pause that the server asks for is kept, and not much exceeded. */
TEST(pace_asked_pause_is_kept)
{
	play.failures = 1;
	play.pause = DUET_S(20);
	run(1, (duet_llm_options){0});
	CHECK_EQ(play.attempts, 2);
	CHECK_EQ(calls_failed, 0);
	CHECK_GE(play.at[1], DUET_S(20));
	CHECK_LE(play.at[1], DUET_S(22));
}

/* A pause that is too long is not waited for. */
TEST(pace_longer_pause_than_allowed_ends_the_call)
{
	play.failures = 1;
	play.pause = DUET_S(61);
	run(1, (duet_llm_options){.max_retry_after = DUET_S(60)});
	CHECK_EQ(play.attempts, 1);
	CHECK_EQ(calls_failed, 1);
}

/* Requests a minute are kept to, whatever the concurrency. */
TEST(pace_requests_per_minute_hold)
{
	play.pause = -1;
	run(30, (duet_llm_options){.rpm = 600, .max_concurrent = 100});
	CHECK_EQ(play.attempts, 30);
	CHECK_EQ(play.at[9], 0); /* a second's worth at once */
	CHECK_GE(play.at[29], DUET_MS(1999));
	CHECK_LE(play.at[29], DUET_MS(2001));
}

/* Tokens a minute are taken on an estimate. */
TEST(pace_tokens_per_minute_hold)
{
	play.pause = -1;
	/* each asks for 1000 tokens and a body's worth; 100 a second */
	run(3, (duet_llm_options){.tpm = 6000, .max_concurrent = 100});
	CHECK_EQ(calls_failed, 0);
	CHECK_EQ(play.attempts, 3);
	CHECK(play.at[2] >= 0);
}

/* With no limit given, places grow while the server copes. */
TEST(pace_places_grow_from_eight)
{
	play.pause = -1;
	play.lasts = DUET_MS(100);
	run(600, (duet_llm_options){0});
	CHECK_EQ(play.attempts, 600);
	CHECK_EQ(play.at[7], 0);
	CHECK_GE(play.at[8], DUET_MS(100));
	CHECK_GE(play.peak, 100);
	CHECK_LE(play.peak, 256);
	CHECK_LE(play.at[599], DUET_MS(1000));
}

/* H10: a storm of 429 halves the places again and again; nobody is lost, and when it is over they
 * do not all come at once. */
TEST(h10_storm_of_429_is_ridden_out)
{
	play.lasts = DUET_MS(100);
	play.throttled_until = DUET_S(30);
	play.pause = -1;
	run(200, (duet_llm_options){.max_concurrent = 200, .outlast_throttling = true});
	CHECK_EQ(calls_failed, 0);
	CHECK_EQ(play.peak, 200);
	CHECK_LE(play.later_peak, 40);
	/* 200 at once, then ever fewer: nothing like 200 each round trip */
	CHECK_LE(play.attempts, 1000);
}

/* H10: with a pause stated, all of them keep it, and one wave of refusals halves the places once. */
TEST(h10_shared_cooldown_holds_everyone)
{
	int early = 0, first = 0;

	play.lasts = DUET_MS(100);
	play.throttled_until = DUET_MS(50);
	play.pause = DUET_S(5);
	run(100, (duet_llm_options){.max_concurrent = 20});
	CHECK_EQ(calls_failed, 0);
	for (int i = 0; i < play.attempts; i++) {
		early += play.at[i] > DUET_MS(101) && play.at[i] < DUET_S(5);
		first += play.at[i] >= DUET_MS(5100) && play.at[i] < DUET_MS(5600);
	}
	CHECK_EQ(early, 0);
	CHECK_GE(first, 25); /* by ten places, not one: they were halved once for all twenty */
	CHECK_LE(play.later_peak, 20);
}

/* 429 uses up retries unless told otherwise. */
TEST(pace_throttling_uses_up_retries)
{
	play.throttled_until = DUET_S(1000);
	play.pause = -1;
	run(1, (duet_llm_options){.retries = 3});
	CHECK_EQ(play.attempts, 4);
	CHECK_EQ(calls_failed, 1);
}

/* Outlasting has an end, too. */
TEST(pace_outlasting_ends)
{
	play.throttled_until = DUET_S(100000);
	play.pause = -1;
	run(1, (duet_llm_options){.outlast_throttling = true, .max_retry_after = DUET_S(120)});
	CHECK_EQ(calls_failed, 1);
	CHECK_LE(play.at[play.attempts - 1], DUET_S(130));
}

static int learn(void *arg)
{
	duet__pace p;

	(void)arg;
	CHECK_OK(duet__pace_init(&p, 0, 0, 0, DUET_S(600), 1));
	duet__pace_learn(&p, &p.requests, "600", "599", "100ms");
	CHECK_EQ((int)p.requests.per_minute, 600);
	CHECK(p.cooldown_until == 0 || p.cooldown_until <= duet_now());
	duet__pace_learn(&p, &p.requests, "1200", NULL, NULL);
	CHECK_EQ((int)p.requests.per_minute, 1200);
	duet__pace_learn(&p, &p.requests, "0", NULL, NULL);
	duet__pace_learn(&p, &p.requests, "-5", NULL, NULL);
	duet__pace_learn(&p, &p.requests, "inf", "nan", "x");
	duet__pace_learn(&p, &p.requests, NULL, NULL, NULL);
	CHECK_EQ((int)p.requests.per_minute, 1200);
	duet__pace_learn(&p, &p.tokens, "90000", "0", "1.5s");
	CHECK_EQ(p.cooldown_until - duet_now(), DUET_MS(1500));
	duet__pace_fini(&p);

	CHECK_OK(duet__pace_init(&p, 0, 60, 0, DUET_S(600), 1));
	duet__pace_learn(&p, &p.requests, "600", "0", "100s");
	CHECK_EQ((int)p.requests.per_minute, 60);
	duet__pace_fini(&p);
	return 0;
}

/* What the server says of its limits is taken up; what the caller said counts more. */
TEST(pace_limits_are_learned)
{
	CHECK_OK(duet_run_with(&(duet_run_options){.clock = DUET_CLOCK_VIRTUAL}, learn, NULL));
}
