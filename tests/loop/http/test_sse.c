#include "loop/http/sse.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
	char *text;
	size_t len;
	FILE *file;
};

static void record_open(struct record *r)
{
	r->file = open_memstream(&r->text, &r->len);
	CHECK(r->file != NULL);
}

static void record_event(struct record *r, const duet_sse_event *e)
{
	CHECK_EQ(e->data[e->len], '\0');
	fprintf(r->file, "[%s|%s|%lld|", e->event, e->id, (long long)e->retry_ms);
	fwrite(e->data, 1, e->len, r->file);
	fputc(']', r->file);
}

static void feed(duet__sse *p, struct record *r, const char *data, size_t n)
{
	while (n > 0) {
		duet_sse_event e;
		size_t used;
		int got = duet__sse_feed(p, data, n, &used, &e);

		CHECK(got >= 0);
		CHECK(used <= n);
		CHECK(got == 1 || used == n);
		if (got == 1)
			record_event(r, &e);
		data += used;
		n -= used;
	}
}

static void finish(duet__sse *p, struct record *r)
{
	fputs(duet__sse_is_between(p) ? "." : "!", r->file);
	fclose(r->file);
	duet__sse_fini(p);
}

/* The events of a stream that comes in these pieces; '.' behind them if it may end there. */
static char *events(const char *data, size_t n, const size_t *cuts, size_t cut_count)
{
	duet__sse p = {0};
	struct record r;
	size_t at = 0;

	record_open(&r);
	for (size_t i = 0; i < cut_count; i++) {
		feed(&p, &r, data + at, cuts[i] - at);
		at = cuts[i];
	}
	feed(&p, &r, data + at, n - at);
	finish(&p, &r);
	return r.text;
}

static const struct {
	const char *stream, *events;
} table[] = {
	{"data: a\n\n", "[message||-1|a]."},
	{"data:a\r\n\r\n", "[message||-1|a]."},
	{"data:  a\r\r", "[message||-1| a]."},
	{"data: a\ndata: b\n\n", "[message||-1|a\nb]."},
	{"data: a\r\ndata: b\r\n\r\n", "[message||-1|a\nb]."},
	{"event: x\r\ndata: a\r\n\r\n", "[x||-1|a]."},
	{"data\n\n", "[message||-1|]."},
	{"data:\ndata\n\n", "[message||-1|\n]."},
	{"\xef\xbb\xbf"
	 "data: a\n\n",
	 "[message||-1|a]."},
	{"\xef\xbb\xbf\xef\xbb\xbf"
	 "data: a\n\n",
	 "."},
	{"\xef\xbb"
	 "data: a\n\n",
	 "."},
	{": comment\n\ndata: a\n\n", "[message||-1|a]."},
	{"event: x\nid: 7\nretry: 250\ndata: a\n\ndata: b\n\n", "[x|7|250|a][message|7|250|b]."},
	{"id: 7\ndata: a\n\nid\ndata: b\n\n", "[message|7|-1|a][message||-1|b]."},
	{"retry: 1x\nretry: -1\nretry:\nretry: 99999999999999999999\ndata: a\n\n",
	 "[message||-1|a]."},
	{"event: x\n\ndata: a\n\n", "[message||-1|a]."},
	{"nonsense: x\nDATA: y\n data: z\ndata : q\n\n", "."},
	{"data: \xe2\x82\xac\n\n", "[message||-1|\xe2\x82\xac]."},
	{"data: a\n", "!"},
	{"data: a", "!"},
	{"event: a\n", "!"},
	{"data: a\n\ndat", "[message||-1|a]!"},
	{"", "."},
	{"\n\n\n", "."},
	{"data: a\r\n\ndata: b\r\r\n\n", "[message||-1|a][message||-1|b]."},
	{"data: [DONE]\n\n", "[message||-1|[DONE]]."},
};

/* H8: the WHATWG rules, case by case, whole. */
TEST(h8_sse_table_whole)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char *got = events(table[i].stream, strlen(table[i].stream), NULL, 0);

		CHECK_STR(got, table[i].events);
		free(got);
	}
}

/* H8: every cut in two gives the same events as the whole. */
TEST(h8_sse_every_split_in_two_is_the_same)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		for (size_t cut = 0; cut <= strlen(table[i].stream); cut++) {
			char *got = events(table[i].stream, strlen(table[i].stream), &cut, 1);

			CHECK_STR(got, table[i].events);
			free(got);
		}
}

static uint64_t state;

static size_t random_below(size_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(state >> 33) % n;
}

/* A stream of parts that are likely to meet in odd ways. */
static size_t random_stream(char *out)
{
	static const char *const parts[] = {"data:",        "data: x", "\n",       "\r", "\r\n",
					    "\n\n",         "id: 1",   "event: e", ":",  "retry: 5",
					    "\xef\xbb\xbf", " ",       "a"};
	size_t n = 0;

	for (size_t i = random_below(30); i > 0; i--) {
		const char *part = parts[random_below(sizeof(parts) / sizeof(*parts))];

		memcpy(out + n, part, strlen(part));
		n += strlen(part);
	}
	return n;
}

/* H8: 10,000 random streams, cut anyhow, give the same events as whole. */
TEST(h8_sse_random_splits_are_the_same)
{
	int rounds = test_is_slow() ? 1000 : 10000;

	state = test_seed();
	for (int i = 0; i < rounds; i++) {
		char stream[400];
		size_t n = random_stream(stream), cuts[8], count = 0;

		while (count < 8 && n > 0) {
			size_t at = (count > 0 ? cuts[count - 1] : 0) + random_below(5);

			if (at > n)
				break;
			cuts[count++] = at;
		}
		char *whole = events(stream, n, NULL, 0), *cut = events(stream, n, cuts, count);

		CHECK_STR(cut, whole);
		free(whole);
		free(cut);
	}
}

static int feed_long(const char *prefix, size_t length, size_t piece)
{
	duet__sse p = {0};
	duet_sse_event e;
	size_t used;
	char *filler = malloc(piece);
	int r;

	memset(filler, 'x', piece);
	r = duet__sse_feed(&p, prefix, strlen(prefix), &used, &e);
	for (size_t n = 0; n < length && r == 0; n += piece)
		r = duet__sse_feed(&p, filler, piece, &used, &e);
	free(filler);
	duet__sse_fini(&p);
	return r;
}

/* H8: a line over 1 MiB is an error, in pieces or whole, and costs no more memory than that. */
TEST(h8_sse_endless_line_is_refused)
{
	CHECK_ERR(feed_long("data: ", 100 << 20, 65536), DUET_EPROTO);
	CHECK_ERR(feed_long(": ", 100 << 20, 65536), DUET_EPROTO);
	CHECK_ERR(feed_long("", 2 << 20, 2 << 20), DUET_EPROTO);
	CHECK_EQ(feed_long("data: ", 1 << 19, 65536), 0);
}

/* H8: an event of endless lines is an error, too. */
TEST(h8_sse_endless_event_is_refused)
{
	duet__sse p = {0};
	duet_sse_event e;
	size_t used;
	int r = 0;
	static char line[100001];

	memset(line, 'x', sizeof(line));
	memcpy(line, "data: ", 6);
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 1000 && r == 0; i++)
		r = duet__sse_feed(&p, line, sizeof(line), &used, &e);
	CHECK_ERR(r, DUET_EPROTO);
	duet__sse_fini(&p);
}
