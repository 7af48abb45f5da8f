/* The pure parts of a run: what is counted, the built-in post steps, the mock's numbers. */
#include "tests/lib/test.h"
#include "tools/mock/bucket.h"
#include "tools/mock/reply.h"
#include "tools/mock/spec.h"
#include "tools/run/builtin.h"
#include "tools/run/codes.h"
#include "tools/run/meter.h"

#include <duet/error.h>
#include <duet/json.h>
#include <stdlib.h>
#include <string.h>

/* Percentiles are right within the width of a bucket, whatever the size of the times. */
TEST(spread_percentiles_are_within_a_bucket)
{
	struct spread s = {0};

	CHECK_EQ(spread_percentile(&s, 50), 0);
	for (int i = 1; i <= 1000; i++)
		spread_add(&s, DUET_MS(i));
	CHECK_GE(spread_percentile(&s, 50), DUET_MS(470));
	CHECK_LE(spread_percentile(&s, 50), DUET_MS(530));
	CHECK_GE(spread_percentile(&s, 99), DUET_MS(930));
	CHECK_LE(spread_percentile(&s, 99), DUET_MS(1000));
	CHECK_GE(spread_percentile(&s, 100), DUET_MS(960));
	spread_add(&s, 0);
	spread_add(&s, DUET_S(100000));
	CHECK_LE(spread_percentile(&s, 0.01), DUET_US(2));
	CHECK_EQ(spread_percentile(&s, 100) > DUET_S(90000), 1);
}

/* Rate, rest and cost follow from the counts. */
TEST(meter_rate_rest_and_cost)
{
	struct meter m = {.total = 1000, .price_in = 2, .price_out = 10};

	CHECK_EQ(meter_left(&m), -1);
	for (int second = 0; second <= 20; second++) {
		m.rows = (uint64_t)second * 10;
		meter_tick(&m, DUET_S(1 + second));
	}
	CHECK(m.rate > 9.99 && m.rate < 10.01);
	CHECK_GE(meter_left(&m), DUET_S(79));
	CHECK_LE(meter_left(&m), DUET_S(81));
	m.tokens_in = 1e6;
	m.tokens_out = 2e6;
	CHECK(meter_cost(&m) == 22);
	m.restored = 900;
	CHECK_EQ(meter_left(&m), 0);
}

/* Every result of a call has its code. */
TEST(codes_of_results)
{
	CHECK_STR(row_code_name(row_code_of(0, 200)), "ok");
	CHECK_STR(row_code_name(row_code_of(DUET_ERATE, 429)), "rate_limited");
	CHECK_STR(row_code_name(row_code_of(DUET_EPROTO, 200)), "invalid_json");
	CHECK_STR(row_code_name(row_code_of(DUET_EPROTO, 0)), "network");
	CHECK_STR(row_code_name(row_code_of(-ECONNRESET, 0)), "network");
	CHECK_STR(row_code_name(row_code_of(DUET_ETIMEDOUT, 0)), "timeout");
	CHECK_STR(row_code_name(row_code_of(DUET_EREQUEST, 404)), "bad_request");
	for (int i = 0; i < ROW_CODES; i++)
		CHECK(row_code_name((enum row_code)i)[0] != '\0');
}

static const char *built(const char *name, const char *words)
{
	static struct text out;
	struct builtin b;

	CHECK(builtin_find(name, &b));
	text_free(&out);
	const char *why = builtin_run(&b, DUET_STR(words), &out);
	if (why != NULL)
		return why;
	CHECK_OK(duet_json_check(DUET_BYTES(out.data, out.len)));
	return out.data;
}

/* Each built-in step on plain and on awkward replies. */
TEST(builtin_steps)
{
	struct builtin b;
	char same[32];

	CHECK_STR(built("json", " {\"a\":\n1} "), "{\"a\":1}");
	CHECK_STR(built("json", "Sure:\n```json\n[1]\n```\nthere"), "[1]");
	CHECK_STR(built("json", "no"), "the reply is not JSON");
	CHECK_STR(built("code-extract", "a\n```c\nint x;\n```\nb\n```\ny\n"),
		  "[{\"lang\":\"c\",\"code\":\"int x;\\n\"},{\"lang\":\"\",\"code\":\"y\\n\"}]");
	CHECK_STR(built("code-extract", "none ```"), "[]");
	CHECK_STR(built("tokens", ""), "{\"tokens\":0,\"words\":0,\"chars\":0}");
	CHECK_STR(built("tokens", "Hello, w\xc3\xb6rld!"),
		  "{\"tokens\":4,\"words\":2,\"chars\":13}");
	snprintf(same, sizeof same, "%s", built("simhash", "The quick brown fox"));
	CHECK_STR(built("simhash", "the QUICK, brown fox!"), same);
	CHECK(strcmp(built("simhash", "something else altogether"), same) != 0);
	CHECK_STR(built("simhash", ""), "\"0000000000000000\"");
	CHECK_EQ(strlen(built("busy=1", "x")), 18);
	CHECK(!builtin_find("busy", &b) && !builtin_find("busy=x", &b) && !builtin_find("jso", &b));
	built("tokens", "");
}

/* How the mock is told to behave, and how not. */
TEST(mock_spec_is_read)
{
	struct mock_spec s = {0};

	CHECK(mock_spec_latency(&s, "200ms\xc2\xb1"
				    "50"));
	CHECK_EQ(s.latency, DUET_MS(200));
	CHECK_EQ(s.jitter, DUET_MS(50));
	CHECK(mock_spec_latency(&s, "1s+-200ms"));
	CHECK_EQ(s.jitter, DUET_MS(200));
	CHECK(!mock_spec_latency(&s, "10ms+-50ms") && !mock_spec_latency(&s, "x"));
	CHECK(mock_spec_faults(&s, "429:0.05,reset:1"));
	CHECK_EQ(s.fault_count, 2);
	CHECK_EQ(s.faults[1].kind, MOCK_RESET);
	s.fault_count = 0;
	CHECK(!mock_spec_faults(&s, "200:0.1") && !mock_spec_faults(&s, "429") &&
	      !mock_spec_faults(&s, "429:2") && !mock_spec_faults(&s, "") &&
	      !mock_spec_faults(&s, "429:0.1,"));
	s = (struct mock_spec){0};
	CHECK(mock_spec_parse(&s, "latency=5ms,rpm=60,fail=500:0.5+stall:0.1,seed=9") == NULL);
	CHECK_EQ(s.fault_count, 2);
	CHECK_EQ(s.seed, 9);
	CHECK(mock_spec_parse(&s, "") == NULL);
	CHECK_STR(mock_spec_parse(&s, "rpm=1,speed=2"), "speed=2");
}

/* A bucket lets through its rate, and says how long to wait. */
TEST(mock_bucket_keeps_its_rate)
{
	struct bucket b;
	int passed = 0;

	bucket_init(&b, 600, 0);
	for (duet_time t = 0; t < DUET_S(10); t += DUET_MS(10))
		passed += bucket_take(&b, 1, t) == 0;
	CHECK_GE(passed, 109);
	CHECK_LE(passed, 110);
	bucket_init(&b, 60, 0);
	CHECK_EQ(bucket_take(&b, 1, 0), 0);
	CHECK_GE(bucket_take(&b, 1, 0), DUET_MS(999));
	CHECK_EQ(bucket_take(&b, 5, DUET_S(1)), 0); /* more than it holds: when it is full */
	CHECK_GE(bucket_take(&b, 1, DUET_S(1)), DUET_MS(4999));
	bucket_init(&b, 0, 0);
	CHECK_EQ(bucket_take(&b, 1e9, 0), 0);
}

/* The same question gets the same answer, another one another; wrong ones are told why. */
TEST(mock_reply_follows_from_seed_and_body)
{
	duet_bytes ask =
		DUET_STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
	struct mock_question q;
	struct text one = {0}, two = {0}, three = {0};

	CHECK(mock_reply_read(&q, 1, ask, false) == NULL);
	mock_reply_chat(&q, &one);
	mock_reply_chat(&q, &two);
	CHECK_STR(one.data, two.data);
	CHECK_OK(duet_json_check(DUET_BYTES(one.data, one.len)));
	CHECK(mock_reply_read(&q, 2, ask, false) == NULL);
	mock_reply_chat(&q, &three);
	CHECK(strcmp(one.data, three.data) != 0);
	text_free(&one);
	text_free(&two);
	text_free(&three);
	CHECK_HAS(mock_reply_read(&q, 1, DUET_STR("{"), false), "not valid JSON");
	CHECK_HAS(mock_reply_read(&q, 1, DUET_STR("{\"model\":\"m\"}"), false), "messages");
	CHECK_HAS(mock_reply_read(&q, 1, DUET_STR("{\"messages\":[1]}"), false), "model");
	CHECK_HAS(mock_reply_read(&q, 1, DUET_STR("{\"model\":\"m\"}"), true), "input");
}
