#include "tests/lib/flaky.h"
#include "tests/loop/llm/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server *server, *proxy;

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define TOKEN(text)                                                                                \
	"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text                          \
	"\"},\"finish_reason\":null}]}\n\n"
#define LAST                                                                                       \
	"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"          \
	"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n"
#define DONE "data: [DONE]\n\n"

static void say(int fd, int nth, void *answer)
{
	(void)nth;
	server_take(fd, NULL);
	server_say(fd, "%s", (const char *)answer);
}

static char seen[200];

static int on_token(void *context, const char *text, size_t len)
{
	CHECK_EQ(text[len], '\0');
	strcat(seen, text);
	strcat(seen, "|");
	return context != NULL && strcmp(seen, context) == 0 ? -77 : 0;
}

static int stream(duet_llm *l, void *context, duet_completion *c)
{
	seen[0] = '\0';
	return duet_llm_stream(l, &(duet_chat){.prompt = "hi"}, on_token, context, c);
}

static void with_answer(const char *answer, int (*body)(void *llm))
{
	server = server_start(say, (void *)answer);
	with_llm(server, (duet_llm_options){.seed = 1}, body);
	server_stop(server);
}

static int three_tokens(void *l)
{
	duet_completion c;

	CHECK_OK(stream(l, NULL, &c));
	CHECK_STR(seen, "one| t\xc3\xa4o|\n|");
	CHECK_STR(c.text, "one t\xc3\xa4o\n");
	CHECK_EQ(c.prompt_tokens, 3);
	CHECK_EQ(c.completion_tokens, 5);
	CHECK_STR(c.finish_reason, "stop");
	CHECK_EQ(c.attempts, 1);
	CHECK(c.first_token > 0 && c.first_token <= c.service_time);
	duet_completion_free(&c);
	return 0;
}

#define WHOLE HEAD ": hello\n\n" TOKEN("one") TOKEN(" t\\u00e4o") TOKEN("") TOKEN("\\n") LAST DONE

/* Tokens come one by one, and all together at the end. */
TEST(stream_tokens_come_in_order)
{
	with_answer(WHOLE, three_tokens);
}

/* The blank line behind [DONE] may be missing; nothing else may. */
TEST(stream_done_without_blank_line_is_a_success)
{
	with_answer(HEAD TOKEN("one") TOKEN(" t\\u00e4o") TOKEN("\\n") LAST "data: [DONE]\n",
		    three_tokens);
}

static void say_chunked(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	while (server_take(fd, NULL)) {
		server_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n",
			   strlen(WHOLE) - strlen(HEAD), &WHOLE[strlen(HEAD)]);
		server_pause_ms(2);
		server_say(fd, "0\r\n\r\n");
	}
}

static int five_streams(void *l)
{
	for (int i = 0; i < 5; i++)
		CHECK_OK(three_tokens(l));
	return 0;
}

/* A stream read to its end leaves its connection to the next. */
TEST(stream_connections_are_used_again)
{
	server = server_start(say_chunked, NULL);
	with_llm(server, (duet_llm_options){.seed = 1}, five_streams);
	CHECK_EQ(server->log->connections, 1);
	server_stop(server);
}

static int no_end(void *l)
{
	duet_completion c;

	CHECK_ERR(stream(l, NULL, &c), DUET_EPROTO);
	CHECK_STR(c.text, "one");
	CHECK_EQ(c.attempts, 1);
	CHECK_EQ(server->log->requests, 1);
	duet_completion_free(&c);
	return 0;
}

/* H8: without [DONE] it is no success; the text so far is kept, and nothing is tried again. */
TEST(h8_stream_without_done_is_an_error)
{
	with_answer(HEAD TOKEN("one") LAST, no_end);
	with_answer(HEAD TOKEN("one") "data: {\"cho", no_end);
	with_answer(HEAD TOKEN("one") "data: {nonsense}\n\n", no_end);
}

static int error_inside(void *l)
{
	duet_completion c;

	CHECK_ERR(stream(l, NULL, &c), DUET_ESERVER);
	CHECK_HAS(duet_errmsg(), "overloaded: busy");
	CHECK_STR(c.text, "one");
	CHECK_EQ(c.status, 200);
	duet_completion_free(&c);
	return 0;
}

/* H9: an error inside a stream ends the call with it; the text so far is kept. */
TEST(h9_stream_error_event_is_an_error)
{
	with_answer(HEAD TOKEN("one") "data: "
				      "{\"error\":{\"message\":\"busy\",\"type\":\"overloaded\"}}"
				      "\n\n" TOKEN("x") DONE,
		    error_inside);
}

static int stopped(void *l)
{
	duet_completion c;
	duet_llm_stats_t stats;

	CHECK_ERR(stream(l, "one| t\xc3\xa4o|", &c), -77);
	CHECK_STR(c.text, "one t\xc3\xa4o");
	CHECK_OK(duet_llm_stats(l, &stats));
	CHECK_EQ(stats.active, 0);
	duet_completion_free(&c);
	return 0;
}

/* The caller ends it by an error of its own. */
TEST(stream_callback_can_stop_it)
{
	with_answer(WHOLE, stopped);
}

static void fail_twice(int fd, int nth, void *arg)
{
	(void)arg;
	server_take(fd, NULL);
	if (nth == 0)
		server_reply(fd, 429, "retry-after-ms: 1\r\n", "{\"error\":\"slow down\"}");
	else if (nth > 1)
		server_say(fd, WHOLE);
}

static int third_time(void *l)
{
	duet_completion c;

	CHECK_OK(stream(l, NULL, &c));
	CHECK_EQ(c.attempts, 3);
	CHECK_STR(c.text, "one t\xc3\xa4o\n");
	duet_completion_free(&c);
	return 0;
}

/* Before the first token a stream is tried again like anything else. */
TEST(stream_is_retried_before_the_first_token)
{
	server = server_start(fail_twice, NULL);
	with_llm(server, (duet_llm_options){.seed = 1}, third_time);
	server_stop(server);
}

static int raw(void *l)
{
	duet_completion c;

	CHECK_OK(duet_llm_stream(l, &(duet_chat){.raw_body = DUET_STR("{\"a\":1}")}, NULL, NULL,
				 &c));
	CHECK_STR(c.text, "one t\xc3\xa4o\n");
	CHECK_HAS(server->log->last_head, "Content-Length: 21\r\n");
	duet_completion_free(&c);
	CHECK_ERR(duet_llm_stream(l, &(duet_chat){.raw_body = DUET_STR("{\"stream\":false}")}, NULL,
				  NULL, &c),
		  DUET_EINVAL);
	duet_completion_free(&c);
	return 0;
}

/* A raw body asks for a stream, too. */
TEST(stream_raw_body_asks_for_a_stream)
{
	with_answer(WHOLE, raw);
}

static int never_short(void *l)
{
	duet_completion c;
	int r = stream(l, NULL, &c);

	CHECK(r < 0);
	duet_completion_free(&c);
	return 0;
}

/* H3, H8: cut at any byte, a stream is never a success. */
TEST_WITHIN(h3_stream_cut_anywhere_is_no_success, 60)
{
	int step = test_is_slow() ? 41 : 5;
	/* the last bytes are the blank line, which may be missing */
	long end = (long)strlen(WHOLE) - 1;

	server = server_start(say, (void *)WHOLE);
	for (long at = 1; at < end; at += step) {
		struct flaky plan = {.port = server->port, .cut_at = at};

		proxy = server_start(flaky_relay, &plan);
		with_llm(proxy, (duet_llm_options){.retries = -1}, never_short);
		server_stop(proxy);
	}
	server_stop(server);
}
