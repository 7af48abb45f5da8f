#include "loop/llm/retry.h"
#include "tests/lib/test.h"

enum { NOW = 1700000000 }; /* Tue, 14 Nov 2023 22:13:20 GMT */

static const struct {
	const char *value;
	duet_time want;
} after[] = {
	{"0", 0},
	{"1", DUET_S(1)},
	{"120", DUET_S(120)},
	{" 7 ", DUET_S(7)},
	{"0.5", DUET_MS(500)},
	{"1.", -1},
	{".5", -1},
	{"", -1},
	{"-1", -1},
	{"+1", -1},
	{"NaN", -1},
	{"inf", -1},
	{"1e99", -1},
	{"0x10", -1},
	{"1 2", -1},
	{"1,2", -1},
	{"1s", -1},
	{"soon", -1},
	{"1000000000000000000000000000000", DUET__RETRY_MAX},
	{"9999999999", DUET__RETRY_MAX},
	{"18446744073709551616", DUET__RETRY_MAX},
	{"Tue, 14 Nov 2023 22:13:30 GMT", DUET_S(10)},
	{"Tue, 14 Nov 2023 22:13:20 GMT", 0},
	{"Tue, 14 Nov 2023 22:13:10 GMT", 0},
	{"Tuesday, 14-Nov-23 22:13:30 GMT", DUET_S(10)},
	{"Tue Nov 14 22:13:30 2023", DUET_S(10)},
	{"Sun, 06 Nov 1994 08:49:37 GMT", 0},
	{"Fri, 31 Dec 9999 23:59:59 GMT", DUET__RETRY_MAX},
	{"Tue, 14 Nov 2023 22:13:30", -1},
	{"Tue, 14 Nov 2023 22:13:30 PST", -1},
	{"Tue, 14 Xxx 2023 22:13:30 GMT", -1},
	{"Tue, 99 Nov 2023 22:13:30 GMT", -1},
	{"Tue, 14 Nov 2023 25:13:30 GMT", -1},
	{"Tue, 14 Nov 2023 22:99:30 GMT", -1},
	{"Tue, 14 Nov -2023 22:13:30 GMT", -1},
	{"Tue, 14 Nov 2023 22:13:30 GMT; x", -1},
	{"14 Nov 2023", -1},
	{"2023-11-14T22:13:30Z", -1},
	{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	{"Mon, 01 Jan 1900 00:00:00 GMT", 0},
};

/* H11: seconds, dates and nonsense, each to its pause, never below zero nor beyond all bounds. */
TEST(h11_retry_after_table)
{
	for (size_t i = 0; i < sizeof(after) / sizeof(*after); i++) {
		duet_time got = duet__retry_after(after[i].value, NOW);

		if (got != after[i].want)
			test_fail(__FILE__, __LINE__, "\"%s\" gave %jd", after[i].value,
				  (intmax_t)got);
	}
	CHECK_EQ(duet__retry_after(NULL, NOW), -1);
}

/* retry-after-ms counts milliseconds. */
TEST(h11_retry_after_ms_is_milliseconds)
{
	CHECK_EQ(duet__retry_after_ms("250"), DUET_MS(250));
	CHECK_EQ(duet__retry_after_ms("0.5"), DUET_US(500));
	CHECK_EQ(duet__retry_after_ms("-1"), -1);
	CHECK_EQ(duet__retry_after_ms(NULL), -1);
	CHECK_EQ(duet__retry_after_ms("99999999999999999999999"), DUET__RETRY_MAX);
}

/* The resets of x-ratelimit headers have units. */
TEST(retry_duration_has_units)
{
	CHECK_EQ(duet__retry_duration("20ms"), DUET_MS(20));
	CHECK_EQ(duet__retry_duration("1.5s"), DUET_MS(1500));
	CHECK_EQ(duet__retry_duration("6m0s"), DUET_S(360));
	CHECK_EQ(duet__retry_duration("1h2m3s"), DUET_S(3723));
	CHECK_EQ(duet__retry_duration("8.64s"), DUET_MS(8640));
	CHECK_EQ(duet__retry_duration("2"), DUET_S(2));
	CHECK_EQ(duet__retry_duration(""), -1);
	CHECK_EQ(duet__retry_duration("s"), -1);
	CHECK_EQ(duet__retry_duration("1x"), -1);
	CHECK_EQ(duet__retry_duration("-1s"), -1);
	CHECK_EQ(duet__retry_duration("1s2"), -1);
	CHECK_EQ(duet__retry_duration("1..5s"), -1);
	CHECK_EQ(duet__retry_duration("999999999999h"), DUET__RETRY_MAX);
}

/* The pause doubles from half a second to eight, at random below that. */
TEST(retry_backoff_doubles_with_full_jitter)
{
	CHECK_EQ(duet__retry_backoff(1, 0), 0);
	CHECK_EQ(duet__retry_backoff(1, 0.5), DUET_MS(250));
	CHECK_EQ(duet__retry_backoff(2, 0.5), DUET_MS(500));
	CHECK_EQ(duet__retry_backoff(5, 0.5), DUET_S(4));
	CHECK_EQ(duet__retry_backoff(6, 0.5), DUET_S(4));
	CHECK_EQ(duet__retry_backoff(4000000000u, 0.5), DUET_S(4));
}

/* What may pass is tried again; what will not is not. */
TEST(retry_only_what_may_pass)
{
	CHECK(duet__retry_status(408) && duet__retry_status(409) && duet__retry_status(429));
	CHECK(duet__retry_status(500) && duet__retry_status(503) && duet__retry_status(529));
	CHECK(!duet__retry_status(400) && !duet__retry_status(401) && !duet__retry_status(302));
	CHECK(duet__retry_code(-ECONNREFUSED) && duet__retry_code(DUET_ETIMEDOUT));
	CHECK(duet__retry_code(DUET_EDNS) && duet__retry_code(-ECONNRESET));
	CHECK(duet__retry_code(DUET_EPROTO) && duet__retry_code(DUET_EHTTP));
	CHECK(!duet__retry_code(DUET_ETLS) && !duet__retry_code(DUET_ECANCELED));
	CHECK(!duet__retry_code(DUET_E2BIG) && !duet__retry_code(DUET_EINVAL));
}
