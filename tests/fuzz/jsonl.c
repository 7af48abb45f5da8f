/* Input files.  ctest-libs: duet_tools
 * Whatever the bytes, and however they come, the lines are the same, and each becomes a row or a
 * row with a problem; a body that would be sent is JSON. */
#include "tools/input/row.h"

#include <duet/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	const uint8_t *data;
	size_t left, part;
};

static ssize_t read_source(void *context, void *buf, size_t n)
{
	struct source *s = context;

	if (n > s->part)
		n = s->part;
	if (n > s->left)
		n = s->left;
	if (n > 0)
		memcpy(buf, s->data, n);
	s->data += n;
	s->left -= n;
	return (ssize_t)n;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_row(const struct row_rules *rules, const struct line *line)
{
	struct row *row = row_parse(rules, line, 0);

	must(row != NULL && row->key != 0 && row->id != NULL);
	must((row->problem == NULL) == (row->body != NULL) || row->problem != NULL);
	if (row->problem == NULL)
		must(duet_json_check(DUET_BYTES(row->body, row->body_len)) == 0 &&
		     strlen(row->body) == row->body_len);
	if (row->metadata != NULL)
		must(duet_json_check(DUET_STR(row->metadata)) == 0);
	row_free(row);
}

/* -> how many lines, how many bytes in them */
static size_t read_all(const uint8_t *data, size_t size, size_t part, bool parse)
{
	static const char *const members[] = {"top_p=0.5", "user=me"};
	const struct row_rules rules[] = {
		{.model = "m"},
		{.template = "{a} {b.c}", .model = "m", .members = members, .member_count = 2},
		{.is_text = true, .model = "m"},
		{0},
	};
	struct source s = {data, size, part};
	struct lines lines = {.read = read_source, .context = &s, .most = 4096};
	struct line line;
	size_t sum = 0;

	while (lines_next(&lines, &line) > 0) {
		sum = sum * 31 + line.len + (size_t)line.offset + line.is_long;
		for (size_t i = 0; parse && i < sizeof rules / sizeof *rules; i++)
			check_row(&rules[i], &line);
	}
	lines_free(&lines);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole = read_all(data, size, size + 1, true);

	must(read_all(data, size, 1, false) == whole);
	must(read_all(data, size, 7, false) == whole);
	return 0;
}
