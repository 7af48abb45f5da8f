#include "tests/lib/test.h"
#include "tools/text.h"

#include <duet/json.h>
#include <stdlib.h>

static void check_quote(const char *bytes, size_t len, const char *want)
{
	struct text t = {0};

	text_quote(&t, bytes, len);
	CHECK_STR(t.data, want);
	CHECK_OK(duet_json_check(DUET_BYTES(t.data, t.len)));
	text_free(&t);
}

/* Whatever the bytes, what comes out is JSON. */
TEST(text_quotes_any_bytes)
{
	struct text t = {0};
	char bytes[64];

	check_quote("", 0, "\"\"");
	check_quote("a\"\\\n\t\r\b\f\0\x1f\x7f", 11,
		    "\"a\\\"\\\\\\n\\t\\r\\b\\f\\u0000\\u001f\x7f\"");
	check_quote("\xc3\xa4\xf0\x9f\x98\x80", 6, "\"\xc3\xa4\xf0\x9f\x98\x80\"");
	check_quote("a\xff\xc3", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
	check_quote("\xed\xa0\x80x", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\"");
	srandom((unsigned)test_seed());
	for (int i = 0; i < 5000; i++) {
		for (size_t k = 0; k < sizeof bytes; k++)
			bytes[k] = (char)random();
		text_quote(&t, bytes, (size_t)random() % sizeof bytes);
		CHECK_OK(duet_json_check(DUET_BYTES(t.data, t.len)));
		t.len = 0;
	}
	text_free(&t);
}

/* B10: nothing that a terminal would obey. */
TEST(text_shows_control_bytes_escaped)
{
	struct text t = {0};

	text_show(&t, "a\033[31m\xc2\x9b\xff\xc3\xa4\n", 12, 100);
	CHECK_STR(t.data, "a\\x1b[31m\\xc2\\x9b\\xff\xc3\xa4\\x0a");
	text_free(&t);
	text_show(&t, "abcdef", 6, 3);
	CHECK_STR(t.data, "abc...");
	text_free(&t);
}

/* JSON over several lines becomes one line, its strings unharmed. */
TEST(text_json_is_one_line)
{
	struct text t = {0};

	text_json(&t, DUET_STR("{\r\n \"a\\n\": [1,\n2]\n}"));
	CHECK_STR(t.data, "{ \"a\\n\": [1,2]}");
	text_free(&t);
}

/* The checksum is the usual one; the hash does not run parts into each other. */
TEST(text_hashes)
{
	CHECK_EQ(text_crc32(0, "123456789", 9), 0xcbf43926);
	CHECK_EQ(text_crc32(text_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
	CHECK_EQ(text_crc32(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
	CHECK(text_hash(text_hash(0, "ab", 2), "c", 1) != text_hash(text_hash(0, "a", 1), "bc", 2));
	CHECK(text_hash(0, "", 0) != text_hash(0, "\0", 1));
	CHECK(text_hash(0, "12345678", 8) != text_hash(0, "12345678\0", 9));
}
