#include "tests/loop/llm/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server *server;

/* Answers by the number of the request: the plan's entries, the last one for ever. */
struct step {
	int status; /* 0 = close without a word */
	const char *headers, *body;
};

static void by_plan(int fd, int nth, void *arg)
{
	const struct step *plan = arg;

	(void)nth;
	while (server_take(fd, NULL)) {
		int n = server_log->requests - 1, i = 0;

		while (i < n && plan[i + 1].status >= 0)
			i++;
		if (plan[i].status == 0)
			return;
		if (plan[i].status == 200 && plan[i].body == NULL)
			say_chat(fd, "hello");
		else
			server_reply(fd, plan[i].status, plan[i].headers,
				     plan[i].body != NULL ? plan[i].body : "{}");
	}
}

#define END                                                                                        \
	{                                                                                          \
		-1, NULL, NULL                                                                     \
	}

static void play(const struct step *plan, duet_llm_options o, int (*body)(void *llm))
{
	server = server_start(by_plan, (void *)plan);
	if (o.seed == 0)
		o.seed = 1;
	with_llm(server, o, body);
	server_stop(server);
}

static int expect_success(void *l)
{
	duet_completion c;

	CHECK_OK(chat(l, &c));
	CHECK_STR(c.text, "hello");
	CHECK_EQ(c.text_len, 5);
	CHECK_EQ(c.status, 200);
	CHECK_EQ(c.attempts, server->log->requests);
	CHECK_EQ(c.prompt_tokens, 3);
	CHECK_EQ(c.completion_tokens, 5);
	CHECK_STR(c.finish_reason, "stop");
	CHECK_STR(c.request_id, "req-1");
	CHECK_HAS(c.raw.data, "\"choices\"");
	CHECK(c.service_time > 0);
	duet_completion_free(&c);
	duet_completion_free(&c);
	return 0;
}

/* A chat brings text, usage, reason and the server's name for it. */
TEST(chat_answer_is_taken_apart)
{
	play((const struct step[]){{200, NULL, NULL}, END}, (duet_llm_options){0}, expect_success);
}

static int looks_right(void *l)
{
	const char *head = server->log->last_head;
	int r = expect_success(l);

	CHECK_HAS(head, "POST /v1/chat/completions HTTP/1.1");
	CHECK_HAS(head, "\r\nAuthorization: Bearer canary-key\r\n");
	CHECK_HAS(head, "\r\nContent-Type: application/json\r\n");
	CHECK_HAS(head, "\r\nIdempotency-Key: duet-");
	return r;
}

/* The key goes where it belongs. */
TEST(chat_request_carries_key_and_idempotency)
{
	play((const struct step[]){{200, NULL, NULL}, END},
	     (duet_llm_options){.api_key = "canary-key"}, looks_right);
}

/* Retry-After: 0 keeps these fast; the pauses themselves are tested on the virtual clock. */
#define SOON "Retry-After: 0\r\nretry-after-ms: 1\r\n"

/* What may pass is tried again, as often as asked for. */
TEST(chat_passing_failures_are_retried)
{
	static const struct step plan[] = {{500, SOON, NULL},
					   {429, SOON, NULL},
					   {408, SOON, NULL},
					   {409, SOON, NULL},
					   {503, SOON, NULL},
					   {200, NULL, NULL},
					   END};

	play(plan, (duet_llm_options){.retries = 5}, expect_success);
}

static void check_keys(int fd, int nth, void *arg)
{
	struct server_request *r = malloc(sizeof(*r));
	static char first[200];

	(void)nth, (void)arg;
	while (server_take(fd, r)) {
		char *key = strstr(r->head, "Idempotency-Key:");

		*strstr(key, "\r\n") = '\0';
		if (server_log->requests == 1) {
			snprintf(first, sizeof(first), "%s", key);
			server_reply(fd, 500, SOON, "{}");
		} else if (strcmp(first, key) == 0) {
			say_chat(fd, "hello");
		} else {
			server_reply(fd, 400, NULL, "{\"error\":\"another key\"}");
		}
	}
	free(r);
}

/* All attempts of a call carry one idempotency key. */
TEST(chat_attempts_share_an_idempotency_key)
{
	server = server_start(check_keys, NULL);
	with_llm(server, (duet_llm_options){.seed = 1}, expect_success);
	server_stop(server);
}

struct failure {
	struct step step;
	int code, attempts;
	const char *words;
};

static const struct failure *failure;

static int expect_failure(void *l)
{
	duet_completion c;
	int r = chat(l, &c);

	if (r != failure->code)
		test_fail(__FILE__, __LINE__, "%s, not %s (%s) for %d %s", duet_err_name(r),
			  duet_err_name(failure->code), duet_errmsg(), failure->step.status,
			  failure->step.body);
	CHECK_HAS(duet_errmsg(), failure->words);
	CHECK_EQ(c.status, failure->step.status);
	CHECK_EQ(c.attempts, failure->attempts);
	CHECK(c.text == NULL);
	duet_completion_free(&c);
	return 0;
}

static const struct failure failures[] = {
	{{500, SOON, "{\"error\":{\"message\":\"no luck\"}}"}, DUET_ESERVER, 3, "500: no luck"},
	{{429, SOON, NULL}, DUET_ERATE, 3, "429"},
	{{429, SOON, "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"pay\"}}"},
	 DUET_EQUOTA,
	 1,
	 "insufficient_quota"},
	{{429, SOON, "{\"error\":{\"message\":\"INSUFFICIENT QUOTA\"}}"}, DUET_ERATE, 3, "INSUFF"},
	{{401, NULL, "{\"error\":{\"message\":\"bad key\"}}"}, DUET_EAUTH, 1, "401: bad key"},
	{{403, NULL, NULL}, DUET_EAUTH, 1, "403"},
	{{400, NULL, "{\"error\":\"too long\"}"}, DUET_EREQUEST, 1, "too long"},
	{{404, NULL, "<html>not found</html>"}, DUET_EREQUEST, 1, "<html>not found"},
	{{422, NULL, "{\"detail\":\"no such field\"}"}, DUET_EREQUEST, 1, "no such field"},
	{{400, "x-should-retry: true\r\nretry-after-ms: 1\r\n", NULL}, DUET_EREQUEST, 3, "400"},
	{{500, "x-should-retry: false\r\n", NULL}, DUET_ESERVER, 1, "500"},
	{{429, "Retry-After: 100000\r\n", NULL}, DUET_ERATE, 1, "429"},
	{{302, "Location: http://127.0.0.1:1/\r\n", NULL}, DUET_EREQUEST, 1, "redirect"},
	{{307, "Location: //evil.invalid/\r\n", NULL}, DUET_EREQUEST, 1, "redirect"},
	{{200, NULL, "<html>\x1b[31mhello</html>"}, DUET_EPROTO, 1, "<html>?[31mhello"},
	{{200, NULL, ""}, DUET_EPROTO, 1, "empty"},
	{{200, NULL, "{\"choices\":[]}"}, DUET_EPROTO, 1, "choices[0].message"},
	{{200, NULL, "{\"choices\":[{\"message\":{\"content\":7}}]}"}, DUET_EPROTO, 1, "no string"},
	{{200, NULL, "{\"choices\":[{\"message\":{\"content\":\"a\"}}]} x"},
	 DUET_EPROTO,
	 1,
	 "at byte"},
	{{200, NULL, "{\"error\":{\"message\":\"boom\",\"type\":\"overloaded\"}}"},
	 DUET_ESERVER,
	 1,
	 "overloaded: boom"},
};

/* H10, H12, H14: every answer that is no success has its code, its words and its attempts. */
TEST(h14_chat_failures_are_typed)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		struct step plan[2] = {failures[i].step, END};

		failure = &failures[i];
		play(plan, (duet_llm_options){0}, expect_failure);
	}
}

/* H3: a connection that dies without a word is tried again. */
TEST(h3_chat_dead_connections_are_retried)
{
	static const struct step plan[] = {
		{0, NULL, NULL}, {0, NULL, NULL}, {200, NULL, NULL}, END};

	play(plan, (duet_llm_options){0}, expect_success);
}

static int tool_call(void *l)
{
	duet_completion c;

	CHECK_OK(chat(l, &c));
	CHECK_STR(c.text, "");
	CHECK_STR(c.finish_reason, "tool_calls");
	CHECK_EQ(c.prompt_tokens, -1);
	duet_completion_free(&c);
	return 0;
}

/* An answer without text is still an answer. */
TEST(chat_null_content_is_a_success)
{
	static const struct step plan[] = {{200, NULL,
					    "{\"choices\":[{\"message\":{\"content\":null},"
					    "\"finish_reason\":\"tool_calls\"}]}"},
					   END};

	play(plan, (duet_llm_options){0}, tool_call);
}

static void redirect_away(int fd, int nth, void *arg)
{
	const struct server *thief = arg;
	static const int statuses[] = {301, 302, 303, 307, 308};
	char where[100];

	(void)nth;
	snprintf(where, sizeof(where), "Location: http://127.0.0.1:%d/v1\r\n", thief->port);
	while (server_take(fd, NULL))
		server_reply(fd, statuses[(server_log->requests - 1) % 5], where, "");
}

static int follow_none(void *l)
{
	duet_completion c;

	for (int i = 0; i < 5; i++) {
		CHECK_ERR(chat(l, &c), DUET_EREQUEST);
		CHECK_EQ(c.attempts, 1);
		duet_completion_free(&c);
	}
	return 0;
}

/* H12: no redirect takes the key, or anything, to another server. */
TEST(h12_chat_redirect_brings_nobody_the_key)
{
	static const struct step plan[] = {{200, NULL, NULL}, END};
	struct server *thief = server_start(by_plan, (void *)plan);

	server = server_start(redirect_away, thief);
	with_llm(server, (duet_llm_options){.api_key = "canary"}, follow_none);
	CHECK_EQ(thief->log->connections, 0);
	server_stop(server);
	server_stop(thief);
}

static void echo_body(int fd, int nth, void *arg)
{
	struct server_request *r = malloc(sizeof(*r));

	(void)nth, (void)arg;
	while (server_take(fd, r)) {
		duet_buf quoted = {0};

		duet_json_quote(DUET_STR(r->body), &quoted);
		server_say(fd,
			   "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n"
			   "{\"choices\":[{\"message\":{\"content\":%s}}]}",
			   quoted.len + 38, (char *)quoted.data);
		duet_buf_free(&quoted);
	}
	free(r);
}

static void check_body(duet_llm *l, const duet_chat *chat, const char *want)
{
	duet_completion c;

	CHECK_OK(duet_llm_chat(l, chat, &c));
	CHECK_STR(c.text, want);
	duet_completion_free(&c);
}

static int bodies(void *l)
{
	duet_message talk[] = {{"user", "a"}, {"assistant", "b"}};

	check_body(l, &(duet_chat){.prompt = "hi"},
		   "{\"model\":\"mock\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	check_body(
		l,
		&(duet_chat){.model = "m",
			     .system = "s\"",
			     .messages = talk,
			     .message_count = 2,
			     .prompt = "\xc3\xa4\n",
			     .max_tokens = 9,
			     .temperature = 0.25,
			     .extra = DUET_STR(" { \"top_p\" : 1 } ")},
		"{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\\\"\"},"
		"{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
		"{\"role\":\"user\",\"content\":\"\xc3\xa4\\n\"}],\"max_tokens\":9,"
		"\"temperature\":0.25, \"top_p\" : 1 }");
	check_body(l, &(duet_chat){.prompt = "", .temperature = -1, .extra = DUET_STR("{ }")},
		   "{\"model\":\"mock\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}],"
		   "\"temperature\":0}");
	check_body(l, &(duet_chat){.raw_body = DUET_STR("{ \"id\" : 9007199254740993 }")},
		   "{ \"id\" : 9007199254740993 }");
	return 0;
}

/* H13: a request says what it was told to, and a raw body goes out byte for byte. */
TEST(h13_chat_bodies_are_exact)
{
	server = server_start(echo_body, NULL);
	with_llm(server, (duet_llm_options){0}, bodies);
	server_stop(server);
}

static void embed(int fd, int nth, void *arg)
{
	struct server_request *r = calloc(1, sizeof(*r));

	(void)nth, (void)arg;
	CHECK(r != NULL);
	while (server_take(fd, r)) {
		CHECK_HAS(r->head, "POST /v1/embeddings HTTP");
		CHECK_STR(r->body, "{\"input\":\"a\"}");
		server_reply(fd, 200, NULL, "{\"data\":[1.5],\"usage\":{\"prompt_tokens\":7}}");
	}
	free(r);
}

static int embeddings(void *l)
{
	duet_chat chat = {.path = "/embeddings", .raw_body = DUET_STR("{\"input\":\"a\"}")};
	duet_completion c;

	CHECK_OK(duet_llm_chat(l, &chat, &c));
	CHECK_STR(c.raw.data, "{\"data\":[1.5],\"usage\":{\"prompt_tokens\":7}}");
	CHECK_STR(c.text, "");
	CHECK_EQ(c.prompt_tokens, 7);
	CHECK_EQ(c.completion_tokens, 0);
	duet_completion_free(&c);
	CHECK_ERR(duet_llm_stream(l, &chat, NULL, NULL, &c), DUET_EINVAL);
	duet_completion_free(&c);
	chat.path = "embeddings";
	CHECK_ERR(duet_llm_chat(l, &chat, &c), DUET_EINVAL);
	duet_completion_free(&c);
	return 0;
}

/* Another endpoint gets its body and gives its answer as they are. */
TEST(chat_path_asks_another_endpoint)
{
	server = server_start(embed, NULL);
	with_llm(server, (duet_llm_options){0}, embeddings);
	server_stop(server);
}

static void refused(duet_llm *l, const duet_chat *chat, const char *words)
{
	duet_completion c;

	CHECK_ERR(duet_llm_chat(l, chat, &c), DUET_EINVAL);
	CHECK_HAS(duet_errmsg(), words);
	CHECK_EQ(c.attempts, 0);
	duet_completion_free(&c);
}

static int refusals(void *l)
{
	refused(l, &(duet_chat){0}, "no prompt");
	refused(l, &(duet_chat){.prompt = "\xff"}, "UTF-8");
	refused(l, &(duet_chat){.prompt = "a", .model = ""}, "model");
	refused(l, &(duet_chat){.prompt = "a", .extra = DUET_STR("[1]")}, "no JSON object");
	refused(l, &(duet_chat){.prompt = "a", .extra = DUET_STR("{")}, "valid JSON");
	refused(l, &(duet_chat){.prompt = "a", .idempotency_key = "x\r\nEvil: 1"}, "line end");
	CHECK_EQ(server->log->connections, 0);
	return 0;
}

/* H15: what cannot be said, or says more than one line, is refused before it is sent. */
TEST(h15_chat_bad_requests_send_nothing)
{
	server = server_start(echo_body, NULL);
	with_llm(server, (duet_llm_options){0}, refusals);
	server_stop(server);
}

static void open_refused(duet_llm_options o, const char *words)
{
	CHECK(duet_llm_open(&o) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK_HAS(duet_errmsg(), words);
	CHECK(strstr(duet_errmsg(), "canary") == NULL);
}

/* The key is not sent in the clear beyond this machine, nor with a line end in it. */
TEST(llm_key_is_kept_off_plain_networks)
{
	open_refused((duet_llm_options){.base_url = "http://10.0.0.1/v1", .api_key = "canary"},
		     "plain http");
	open_refused(
		(duet_llm_options){.base_url = "http://127.0.0.1.evil/v1", .api_key = "canary"},
		"plain http");
	open_refused((duet_llm_options){.base_url = "http://x/v1", .api_key = "canary\r\nA: b"},
		     "control byte");
	open_refused((duet_llm_options){.base_url = "ftp://x/v1", .api_key = ""}, "base URL");
	open_refused((duet_llm_options){.base_url = "https://x/v1?a=b", .api_key = ""}, "query");
	open_refused((duet_llm_options){.api_key = "", .retries = -2}, "retries");
	duet_llm *l = duet_llm_open(
		&(duet_llm_options){.base_url = "http://localhost:1/v1", .api_key = "canary"});
	CHECK(l != NULL);
	duet_llm_close(l);
	duet_llm_close(NULL);
}

static int key_quoted_back(void *l)
{
	duet_completion c;

	CHECK_ERR(chat(l, &c), DUET_EAUTH);
	CHECK_HAS(duet_errmsg(), "no such key: **********.");
	duet_completion_free(&c);
	return 0;
}

/* P14: a server that quotes the key in its answer does not bring it into the words. */
TEST(llm_key_is_hidden_in_words)
{
	static const struct step plan[] = {
		{401, NULL, "{\"error\":{\"message\":\"no such key: canary-key.\"}}"}, END};

	play(plan, (duet_llm_options){.api_key = "canary-key"}, key_quoted_back);
}

static int key_cut_off(void *l)
{
	duet_completion c;

	CHECK_ERR(chat(l, &c), DUET_EAUTH);
	CHECK(strstr(duet_errmsg(), "cana") == NULL);
	CHECK_HAS(duet_errmsg(), "****");
	duet_completion_free(&c);
	return 0;
}

/* P14: nor does one whose answer is cut off within the key. */
TEST(llm_key_cut_off_is_hidden_in_words)
{
	static char body[400];
	static const struct step plan[] = {{401, NULL, body}, END};

	for (int at = 200; at < 216; at++) {
		memset(body, 'x', sizeof(body) - 1);
		memcpy(body + at, "canary-key", 10);
		memcpy(body, "{\"error\":\"", 10);
		memcpy(body + sizeof(body) - 3, "\"}", 2);
		play(plan, (duet_llm_options){.api_key = "canary-key"}, key_cut_off);
	}
}

static int env_chat(void *l)
{
	CHECK_OK(expect_success(l));
	CHECK_HAS(server->log->last_head, "Bearer env-key");
	CHECK_HAS(server->log->last_head, "OpenAI-Organization: org-1");
	return 0;
}

static int run_env(void *arg)
{
	duet_llm *l = duet_llm_open(&(duet_llm_options){.model = "m"});
	int r;

	(void)arg;
	CHECK(l != NULL);
	r = env_chat(l);
	duet_llm_close(l);
	return r;
}

/* What is not said comes from the environment, a proxy for this machine excepted. */
TEST(llm_environment_fills_in)
{
	static const struct step plan[] = {{200, NULL, NULL}, END};

	server = server_start(by_plan, (void *)plan);
	setenv("OPENAI_BASE_URL", server_url(server, "/v1/chat/completions"), 1);
	setenv("OPENAI_API_KEY", "env-key", 1);
	setenv("OPENAI_ORG_ID", "org-1", 1);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	CHECK_OK(duet_run(run_env, NULL));
	server_stop(server);
}

static int chat_once(void *l)
{
	duet_completion c;
	int r = chat(l, &c);

	duet_completion_free(&c);
	return r;
}

static void hang(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_hang(fd);
}

static int close_under_way(void *arg)
{
	duet_llm *l = duet_llm_open(&(duet_llm_options){.base_url = server_url(server, "/v1"),
							.api_key = "",
							.model = "m",
							.max_concurrent = 2});
	duet_task *tasks[5];
	int results[5];

	(void)arg;
	CHECK(l != NULL);
	for (int i = 0; i < 5; i++)
		tasks[i] = duet_spawn(chat_once, l);
	while (server->log->requests < 2)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	duet_llm_close(l);
	CHECK_EQ(duet_settle(tasks, 5, results), 5);
	for (int i = 0; i < 5; i++)
		CHECK_ERR(results[i], DUET_ECLOSED);
	return 0;
}

/* Closing the client ends every call, also those that wait for a place. */
TEST(llm_closed_under_way_ends_calls)
{
	server = server_start(hang, NULL);
	CHECK_OK(duet_run(close_under_way, NULL));
	server_stop(server);
}

static int cancel_all(void *l)
{
	duet_llm_stats_t stats;

	for (int i = 0; i < 30; i++) {
		duet_task *t = duet_spawn(chat_once, l);

		for (int turn = 0; turn < i; turn++)
			CHECK_OK(i < 15 ? duet_yield() : duet_sleep(DUET_US(100)));
		CHECK_ERR(duet_cancel_await(t), DUET_ECANCELED);
	}
	CHECK_OK(duet_llm_stats(l, &stats));
	CHECK_EQ(stats.active, 0);
	CHECK_EQ(stats.queued, 0);
	return 0;
}

/* P16: a call cancelled anywhere gives back its place. */
TEST(chat_cancelled_anywhere_leaves_nothing)
{
	server = server_start(hang, NULL);
	with_llm(server, (duet_llm_options){.max_concurrent = 1}, cancel_all);
	server_stop(server);
}
