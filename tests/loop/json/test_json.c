#include "loop/json/tree.h"
#include "loop/json/utf8.h"
#include "tests/lib/test.h"

#include <duet/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const valid[] = {"0",
				    "-0",
				    "1",
				    "-1.5e+10",
				    "1E5",
				    "0.0",
				    "true",
				    "false",
				    "null",
				    "\"\"",
				    "\"a\"",
				    "[]",
				    "{}",
				    " [ ] ",
				    "\t{\r\n}\n",
				    "[1,2]",
				    "[[],{}]",
				    "{\"a\":1}",
				    "{\"a\":{\"b\":[1,{\"c\":null}]}}",
				    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
				    "\"\\ud83d\\ude00\"",
				    "\"\\ud83d\"",
				    "\"\\u0000\"",
				    "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"",
				    "{\"a\":1,\"a\":2}",
				    "9007199254740993",
				    "1e999",
				    "123456789012345678901234567890"};

static const char *const invalid[] = {"",
				      " ",
				      "01",
				      "-",
				      "+1",
				      "1.",
				      ".5",
				      "1e",
				      "1e+",
				      "0x1",
				      "--1",
				      "NaN",
				      "nul",
				      "nulll",
				      "Infinity",
				      "True",
				      "'a'",
				      "\"",
				      "\"\\\"",
				      "\"\\x\"",
				      "\"\\u12\"",
				      "\"\\u12g4\"",
				      "\"a\nb\"",
				      "\"\t\"",
				      "[",
				      "]",
				      "[1",
				      "[1,",
				      "[1,]",
				      "[,1]",
				      "[1 2]",
				      "[1}",
				      "{",
				      "}",
				      "{\"a\"",
				      "{\"a\":",
				      "{\"a\":}",
				      "{\"a\":1",
				      "{\"a\":1,",
				      "{\"a\":1,}",
				      "{a:1}",
				      "{1:1}",
				      "{\"a\" 1}",
				      "{\"a\":1]",
				      "1 2",
				      "{} x",
				      "[]]",
				      "\xef\xbb\xbf{}",
				      "\"\xff\"",
				      "\"\xc0\xaf\"",
				      "\"\xed\xa0\x80\"",
				      "\"\xf4\x90\x80\x80\"",
				      "\"\xe2\x82\"",
				      "\"\x80\"",
				      "{\"a\":1,,\"b\":2}",
				      "[1,2}",
				      "\\",
				      "/**/1"};

static int check(const char *text)
{
	return duet_json_check(DUET_STR(text));
}

/* What RFC 8259 allows passes. */
TEST(json_valid_passes)
{
	for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++)
		if (check(valid[i]) != 0)
			test_fail(__FILE__, __LINE__, "refused: %s (%s)", valid[i], duet_errmsg());
}

/* H13: what it does not allow is refused. */
TEST(h13_json_invalid_is_refused)
{
	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++)
		if (check(invalid[i]) != DUET_EJSON)
			test_fail(__FILE__, __LINE__, "accepted: %s", invalid[i]);
	CHECK_ERR(duet_json_check(DUET_BYTES("1\0", 2)), DUET_EJSON);
	CHECK_ERR(check("[1,2,x]"), DUET_EJSON);
	CHECK_HAS(duet_errmsg(), "at byte 5");
}

static char *nested(size_t depth, char open, char close)
{
	char *text = malloc(2 * depth + 1);

	memset(text, open, depth);
	memset(text + depth, close, depth);
	text[2 * depth] = '\0';
	return text;
}

/* H13: 64 levels and no more, however deep it goes. */
TEST(h13_json_depth_is_bounded)
{
	static const struct {
		size_t depth;
		int code;
	} table[] = {{64, 0}, {65, DUET_EJSON}, {100000, DUET_EJSON}};

	for (size_t i = 0; i < 3; i++) {
		char *text = nested(table[i].depth, '[', ']');

		CHECK_EQ(check(text), table[i].code);
		free(text);
	}
}

static char *found(const char *text, const char *path)
{
	static char out[200];
	duet_bytes value;

	if (duet_json_find(DUET_STR(text), path, &value) < 0)
		return "(none)";
	snprintf(out, sizeof(out), "%.*s", (int)value.len, (const char *)value.data);
	return out;
}

/* Paths lead to the bytes of a value, unchanged. */
TEST(json_find_gives_the_bytes_themselves)
{
	const char *text = " { \"a\" : [ 10 , { \"b\\u0063\" : 9007199254740993 } , \"],}\\\"\" ] ,"
			   "\"d\":{\"\":1},\"e\":1,\"e\":2 , \"n\":null } ";

	CHECK_STR(found(text, "a.0"), "10");
	CHECK_STR(found(text, "a.1.bc"), "9007199254740993");
	CHECK_STR(found(text, "a.2"), "\"],}\\\"\"");
	CHECK_STR(found(text, "a.3"), "(none)");
	CHECK_STR(found(text, "a.x"), "(none)");
	CHECK_STR(found(text, "a.00000000000000000001"), "(none)");
	CHECK_STR(found(text, "A"), "(none)");
	CHECK_STR(found(text, "d"), "{\"\":1}");
	CHECK_STR(found(text, "d.x"), "(none)");
	CHECK_STR(found(text, "e"), "2");
	CHECK_STR(found(text, "n"), "null");
	CHECK_STR(found(text, "n.x"), "(none)");
	CHECK_STR(found(" 1 ", ""), "1");
	CHECK_STR(found("[]", "0"), "(none)");
	CHECK_STR(found("{}", "a"), "(none)");
}

static void check_text(const char *json, const char *want, size_t want_len)
{
	char *text;
	size_t len;

	CHECK_OK(duet_json_text(DUET_STR(json), &text, &len));
	CHECK_EQ(len, want_len);
	CHECK(memcmp(text, want, len + 1) == 0);
	free(text);
}

/* Strings come out decoded; lone surrogates as U+FFFD, NUL as itself. */
TEST(json_text_is_decoded)
{
	check_text("\"\"", "", 0);
	check_text("\"a\\n\\t\\\"\\\\\\/\\b\\f\\r\"", "a\n\t\"\\/\b\f\r", 9);
	check_text("\"\\u00e9\\u20ac\\uD83D\\uDE00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9);
	check_text("\"\\ud83d\"", "\xef\xbf\xbd", 3);
	check_text("\"\\ude00x\"", "\xef\xbf\xbdx", 4);
	check_text("\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
	check_text("\"\\ud83d\\n\"", "\xef\xbf\xbd\n", 4);
	check_text("\"a\\u0000b\"", "a\0b", 3);
	CHECK_ERR(duet_json_text(DUET_STR("1"), &(char *){NULL}, NULL), DUET_EINVAL);
}

static int int_of(const char *text, int64_t *n)
{
	return duet_json_int(DUET_STR(text), n);
}

/* H13: 64-bit integers keep every digit, and nothing is rounded into one. */
TEST(h13_json_int_is_exact)
{
	int64_t n = 7;

	CHECK_OK(int_of("9007199254740993", &n));
	CHECK_EQ(n, 9007199254740993);
	CHECK_OK(int_of("-9223372036854775808", &n));
	CHECK_EQ(n, INT64_MIN);
	CHECK_OK(int_of("9223372036854775807", &n));
	CHECK_EQ(n, INT64_MAX);
	CHECK_OK(int_of("-0", &n));
	CHECK_EQ(n, 0);
	CHECK_ERR(int_of("9223372036854775808", &n), -ERANGE);
	CHECK_ERR(int_of("-9223372036854775809", &n), -ERANGE);
	CHECK_ERR(int_of("1e3", &n), -ERANGE);
	CHECK_ERR(int_of("1.0", &n), -ERANGE);
	CHECK_ERR(int_of("\"1\"", &n), DUET_EINVAL);
	CHECK_ERR(int_of("null", &n), DUET_EINVAL);
}

/* Text goes into quotes and comes out the same; what is no UTF-8 does not go in. */
TEST(json_quote_round_trips)
{
	static const char *const texts[] = {"", "plain", "\"\\/\b\f\n\r\t\x01\x1f\x7f",
					    "\xc3\xa4\xf0\x9f\x98\x80", "12345678\"12345678"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		duet_buf quoted = {0};

		CHECK_OK(duet_json_quote(DUET_STR(texts[i]), &quoted));
		CHECK_OK(duet_json_check(DUET_BYTES(quoted.data, quoted.len)));
		check_text(quoted.data, texts[i], strlen(texts[i]));
		duet_buf_free(&quoted);
	}
	CHECK_ERR(duet_json_quote(DUET_STR("a\xff"), &(duet_buf){0}), DUET_EJSON);
	CHECK_ERR(duet_json_quote(DUET_STR("a\xe2\x82"), &(duet_buf){0}), DUET_EJSON);
}

/* The plain run of any bytes is what a byte-by-byte reading says. */
TEST(json_plain_length_agrees_with_a_slow_reading)
{
	uint64_t state = test_seed();

	for (int round = 0; round < 20000; round++) {
		unsigned char text[40];
		size_t n = 0;

		for (size_t i = 0; i < sizeof(text); i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			text[i] = (state >> 40) % 20 != 0 ? 'a' + (state >> 33) % 26
							  : (unsigned char)(state >> 50);
		}
		while (n < sizeof(text) && text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' &&
		       text[n] != '\\')
			n++;
		CHECK_EQ(duet__plain_length(text, sizeof(text)), n);
	}
}

/* What the scanner passes, cJSON parses too, unless it is one of its known gaps. */
TEST(json_scanner_agrees_with_cjson)
{
	for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++) {
		cJSON *tree = cJSON_Parse(valid[i]);
		bool is_lone_surrogate = strcmp(valid[i], "\"\\ud83d\"") == 0;

		CHECK((tree != NULL) == !is_lone_surrogate);
		cJSON_Delete(tree);
	}
}

/* H13: a tree is only made of small, strictly valid text. */
TEST(h13_json_tree_refuses_large_and_lenient)
{
	char *large = calloc(1, DUET__JSON_TREE_MAX + 2);
	cJSON *tree;

	memset(large, ' ', DUET__JSON_TREE_MAX + 1);
	large[0] = '1';
	CHECK_ERR(duet__json_tree(DUET_STR(large), &tree), DUET_E2BIG);
	CHECK_ERR(duet__json_tree(DUET_STR("01"), &tree), DUET_EJSON);
	CHECK_OK(duet__json_tree(DUET_STR("{\"a\":\"b\"}"), &tree));
	CHECK_STR(duet__json_string(tree, "a"), "b");
	CHECK(duet__json_string(tree, "A") == NULL);
	cJSON_Delete(tree);
	free(large);
}
