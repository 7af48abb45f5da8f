/* Lines, rows, templates and ids: what stands in an input file. */
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "tools/input/ids.h"
#include "tools/input/row.h"
#include "tools/input/template.h"
#include "tools/text.h"

#include <stdlib.h>
#include <string.h>

/* --- lines --- */

struct source {
	const char *data;
	size_t len, at, part; /* bytes a read gives */
};

static ssize_t read_source(void *context, void *buf, size_t n)
{
	struct source *s = context;
	size_t left = s->len - s->at;

	if (n > s->part)
		n = s->part;
	if (n > left)
		n = left;
	memcpy(buf, s->data + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

/* "number:line|number:line|", a line over the cap as "number:!" */
static void list_lines(const char *data, size_t len, size_t part, size_t most, struct text *out)
{
	struct source s = {data, len, 0, part};
	struct lines lines = {.read = read_source, .context = &s, .most = most};
	struct line line;

	while (lines_next(&lines, &line) > 0) {
		text_printf(out, "%zu@%zu:", line.number, (size_t)line.offset);
		if (line.is_long)
			text_puts(out, "!");
		else
			text_add(out, line.data, line.len);
		text_puts(out, "|");
	}
	lines_free(&lines);
}

static void check_lines(const char *data, size_t len, size_t most, const char *want)
{
	for (size_t part = 1; part <= len + 1; part++) {
		struct text out = {0};

		list_lines(data, len, part, most, &out);
		CHECK_STR(out.data != NULL ? out.data : "", want);
		text_free(&out);
	}
}

/* B7: however the bytes come in, the lines are the same. */
TEST(lines_are_the_same_however_they_come)
{
	check_lines("", 0, 0, "");
	check_lines("\n", 1, 0, "1@0:|");
	check_lines("a", 1, 0, "1@0:a|");
	check_lines("a\nb", 3, 0, "1@0:a|2@2:b|");
	check_lines("a\r\n\r\nb\r", 7, 0, "1@0:a|2@3:|3@5:b|");
	check_lines("\xef\xbb\xbf"
		    "a\n\xef\xbb\xbf",
		    8, 0, "1@3:a|2@5:\xef\xbb\xbf|");
	check_lines("\xef\xbb", 2, 0, "1@0:\xef\xbb|");
	check_lines("a\rb\n", 4, 0, "1@0:a\rb|");
}

/* A line over the cap is reported once and read past, with or without its end. */
TEST(lines_over_the_cap_are_skipped)
{
	static char data[1000];
	struct text out = {0};

	memset(data, 'x', sizeof data);
	data[300] = '\n';
	memcpy(data + 301, "ok\n", 3);
	for (size_t part = 1; part < 1000; part += 97) {
		list_lines(data, sizeof data, part, 299, &out);
		CHECK_STR(out.data, "1@0:!|2@301:ok|3@304:!|");
		text_free(&out);
	}
	list_lines(data, 304, 1000, 300, &out);
	CHECK(strncmp(out.data, "1@0:xxx", 7) == 0);
	text_free(&out);
}

/* --- rows --- */

static struct row *parse(const struct row_rules *rules, const char *text)
{
	struct line line = {text, strlen(text), 4, 0, false};
	struct row *row = row_parse(rules, &line, 3);

	CHECK(row != NULL);
	return row;
}

static void check_row(const struct row_rules *rules, const char *text, const char *path,
		      const char *body)
{
	struct row *row = parse(rules, text);

	test_note("%s", text);
	CHECK(row->problem == NULL);
	CHECK_STR(row->path, path);
	CHECK_STR(row->body, body);
	CHECK_EQ(row->body_len, strlen(body));
	CHECK_EQ(row->index, 3);
	row_free(row);
}

static void check_problem(const struct row_rules *rules, const char *text, const char *words)
{
	struct row *row = parse(rules, text);

	test_note("%s", text);
	CHECK(row->problem != NULL);
	CHECK_HAS(row->problem, words);
	CHECK(row->key != 0);
	row_free(row);
}

/* A body that stands in the line goes out byte for byte, whatever it holds. */
TEST(row_bodies_pass_untouched)
{
	struct row_rules rules = {0};

	check_row(&rules,
		  "{\"custom_id\":\"a\",\"body\": {\"model\" : \"m\",  \"n\": 9007199254740993}, "
		  "\"url\":\"/v1/chat/completions\"}",
		  "/chat/completions", "{\"model\" : \"m\",  \"n\": 9007199254740993}");
	check_row(&rules, "{\"url\":\"/v1/embeddings\",\"body\":{\"input\":[1e999]}}",
		  "/embeddings", "{\"input\":[1e999]}");
	check_row(&rules, " {\"messages\":[],\"model\":\"m\"} ", "/chat/completions",
		  "{\"messages\":[],\"model\":\"m\"}");
	check_row(&rules, "{\"input\":\"x\",\"model\":\"m\"}", "/embeddings",
		  "{\"input\":\"x\",\"model\":\"m\"}");
}

/* What is not the server's is taken out, and what is missing put in; the rest keeps its bytes. */
TEST(row_bodies_lose_metadata_and_gain_a_model)
{
	struct row_rules rules = {.model = "big"};
	struct row *row;

	check_row(&rules, "{\"body\":{}}", "/chat/completions", "{\"model\":\"big\"}");
	check_row(&rules, "{\"body\":{ \"n\" : [1,{\"a\":\"},\"}], \"x\":1 }}", "/chat/completions",
		  "{\"model\":\"big\",\"n\" : [1,{\"a\":\"},\"}],\"x\":1 }");
	check_row(&rules, "{\"body\":{\"model\":\"small\"}}", "/chat/completions",
		  "{\"model\":\"small\"}");
	row = parse(&rules,
		    "{\"metadata\":{\"a\":[1,\"}\"]},\"model\":\"m\",\"custom_id\":\"z\\n\","
		    "\"messages\":[]}");
	CHECK(row->problem == NULL);
	CHECK_STR(row->body, "{\"model\":\"m\",\"messages\":[]}");
	CHECK_STR(row->metadata, "{\"a\":[1,\"}\"]}");
	CHECK_STR(row->id, "z\n");
	row_free(row);
}

/* Prompts become chats, with what the rules and the row add. */
TEST(row_prompts_become_chats)
{
	const char *const members[] = {"top_p=0.5", "user=me", "stop=[\"x\"]"};
	struct row_rules rules = {
		.model = "m", .system = "s\"", .members = members, .member_count = 3};
	struct row_rules words = {.model = "m", .is_text = true, .template = "<{text}>"};

	check_row(
		&rules, "{\"prompt\":\"a\\u00e4\",\"temperature\":0.10,\"custom_id\":5}",
		"/chat/completions",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\\\"\"},"
		"{\"role\":\"user\",\"content\":\"a\xc3\xa4\"}],\"temperature\":0.10,\"top_p\":0.5,"
		"\"user\":\"me\",\"stop\":[\"x\"]}");
	check_row(&words, "say \"it\"\t", "/chat/completions",
		  "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"<say "
		  "\\\"it\\\"\\t>\"}]}");
}

/* Each mistake in a line is said in words. */
TEST(row_problems_are_named)
{
	struct row_rules rules = {.model = "m"}, none = {0},
			 words = {.model = "m", .is_text = true},
			 fields = {.model = "m", .template = "{a.b}"};

	check_problem(&rules, "", "not valid JSON");
	check_problem(&rules, "{\"a\":01}", "not valid JSON");
	check_problem(&rules, "\"words\"", "no object");
	check_problem(&rules, "{}", "neither body");
	check_problem(&rules, "{\"prompt\":1}", "prompt is no string");
	check_problem(&rules, "{\"body\":1}", "body is no object");
	check_problem(&rules, "{\"body\":{\"stream\": true}}", "stream");
	check_problem(&rules, "{\"method\":\"GET\",\"body\":{}}", "method");
	check_problem(&rules, "{\"url\":\"http://x/\",\"body\":{}}", "url is none of");
	check_problem(&rules, "{\"custom_id\":[],\"body\":{}}", "custom_id is neither");
	check_problem(&rules, "{\"custom_id\":\"\",\"body\":{}}", "custom_id is empty");
	check_problem(&none, "{\"prompt\":\"x\"}", "give -m MODEL");
	check_problem(&words, "\xff", "UTF-8");
	check_problem(&fields, "{\"a\":{}}", "a.b");
}

/* The key tells rows apart by id, path and body, and wrong lines by their bytes. */
TEST(row_keys_tell_rows_apart)
{
	struct row_rules rules = {.model = "m"};
	static const char *const texts[] = {
		"{\"prompt\":\"a\"}",
		"{\"prompt\":\"b\"}",
		"{\"prompt\":\"a\",\"custom_id\":\"x\"}",
		"{\"body\":{\"model\":\"m\"}}",
		"{\"body\":{\"model\":\"m\"},\"url\":\"/v1/embeddings\"}",
		"wrong",
		"wrong!"};
	uint64_t keys[7];

	for (int i = 0; i < 7; i++) {
		struct row *row = parse(&rules, texts[i]);

		keys[i] = row->key;
		row_free(row);
		for (int k = 0; k < i; k++)
			CHECK(keys[k] != keys[i]);
		row = parse(&rules, texts[i]);
		CHECK(row->key == keys[i]);
		row_free(row);
	}
}

static int parse_all(void *arg)
{
	static const char *const texts[] = {
		"{\"prompt\":\"a\",\"custom_id\":\"i\",\"system\":\"s\"}",
		"{\"messages\":[],\"metadata\":{},\"custom_id\":\"i\"}", "nonsense",
		"{\"body\":{}}"};
	struct row_rules rules = {.model = "m"};

	(void)arg;
	for (int i = 0; i < 4; i++) {
		struct line line = {texts[i], strlen(texts[i]), 1, 0, false};
		row_free(row_parse(&rules, &line, 0));
	}
	return 0;
}

/* P9: any allocation may fail. */
TEST(row_any_allocation_may_fail)
{
	CHECK_GE(fault_sweep(FAULT_ALLOC, FAULT_ONCE, parse_all, NULL), 10);
	fault_sweep(FAULT_ALLOC, FAULT_FROM_THEN_ON, parse_all, NULL);
}

/* --- templates and ids --- */

/* Fields of any kind, nested, and braces themselves. */
TEST(template_fills_fields)
{
	duet_bytes row = DUET_STR("{\"a\":\"x\\ty\",\"b\":{\"c\":[1, 2]},\"t\":true}");
	struct text out = {0};
	char missing[64];

	CHECK_EQ(template_fill("{{{a}}} {b.c} {b.c.1} {t}!", row, true, &out, missing), 0);
	CHECK_STR(out.data, "{x\ty} [1, 2] 2 true!");
	text_free(&out);
	CHECK_EQ(template_fill("{zz}", row, true, &out, missing), -ENOENT);
	CHECK_STR(missing, "zz");
	text_free(&out);
	CHECK(template_check("a {b} {{ }}") == NULL);
	CHECK(template_check("{") != NULL && template_check("}") != NULL);
	CHECK(template_check("{}") != NULL && template_check("{a{b}}") != NULL);
}

/* B8: an id is known again among many, whether a row was given it or is named after its line. */
TEST(ids_find_the_one_that_stands_twice)
{
	struct ids ids = {0};
	char id[32];

	for (size_t i = 1; i <= 20000; i++) {
		int len = snprintf(id, sizeof id, i % 3 == 0 ? "row-%zu" : "id-%zu", i);
		CHECK_EQ(ids_add(&ids, id, (size_t)len, i), 0);
	}
	CHECK_EQ(ids_add(&ids, "id-778", 6, 99999), 1);
	CHECK_EQ(ids_add(&ids, "row-9", 5, 99999), 1);
	CHECK_EQ(ids_add(&ids, "id-777", 6, 20001), 0);
	CHECK_EQ(ids_add(&ids, "row-7", 5, 20002), 0);
	CHECK_EQ(ids_add(&ids, "row-09", 6, 20003), 0);
	CHECK_EQ(ids_add(&ids, "row-18446744073709551619", 24, 20004), 0);
	CHECK_EQ(ids_add(&ids, "row-30000", 9, 20005), 0);
	CHECK_EQ(ids_add(&ids, "row-30000", 9, 30000), 1);
	ids_free(&ids);
}
