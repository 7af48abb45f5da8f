#include "tests/lib/run.h"
#include "tests/loop/http/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct server *server;

/* Echoes method, path, some headers and the body. */
static void echo(int fd, int nth, void *arg)
{
	struct server_request *r = malloc(sizeof(*r));

	(void)nth, (void)arg;
	while (server_take(fd, r)) {
		char *line_end = strstr(r->head, "\r\n");

		*line_end = '\0';
		server_say(fd,
			   "HTTP/1.1 201 Made\r\nX-Line: %s\r\nX-Empty:\r\nx-twice: a\r\nX-Twice: "
			   "b\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   r->head, strncmp(r->head, "HEAD", 4) == 0 ? 0 : strlen(r->body),
			   r->body);
	}
	free(r);
}

static void post_body(duet_http *http)
{
	duet_http_response out = {0};
	duet_http_request request = {
		.url = server_url(server, "/p?q=1"),
		.headers = (const char *const[]){"X-A: b", "Content-Type: text/plain", NULL},
		.body = DUET_STR("hello"),
	};

	CHECK_OK(duet_http_fetch(http, &request, &out));
	CHECK_EQ(out.status, 201);
	CHECK_STR(out.body.data, "hello");
	CHECK_EQ(out.body.len, 5);
	CHECK_STR(duet_http_header(&out, "x-line"), "POST /p?q=1 HTTP/1.1");
	CHECK_STR(duet_http_header(&out, "X-EMPTY"), "");
	CHECK_STR(duet_http_header(&out, "X-Twice"), "a");
	CHECK(duet_http_header(&out, "X-None") == NULL);
	CHECK_EQ(out.sends, 1);
	CHECK_HAS(server->log->last_head, "\r\nX-A: b\r\n");
	CHECK_HAS(server->log->last_head, "\r\nContent-Type: text/plain\r\n");
	CHECK(strstr(server->log->last_head, "Expect") == NULL);
	duet_http_response_free(&out);
	duet_http_response_free(&out);
}

/* A request goes out as it was asked for, and the answer comes back whole. */
TEST(fetch_post_answer_is_whole)
{
	server = server_start(echo, NULL);
	with_client(NULL, post_body);
	server_stop(server);
}

static void all_methods(duet_http *http)
{
	static const struct {
		const char *method, *body, *line;
	} table[] = {
		{NULL, "", "GET / "},        {NULL, "x", "POST / "},       {"GET", "", "GET / "},
		{"HEAD", "", "HEAD / "},     {"POST", "", "POST / "},      {"PUT", "x", "PUT / "},
		{"DELETE", "", "DELETE / "}, {"PATCH", "x", "PATCH / "},   {"GET", "q", "GET / "},
		{"get", "", "get / "},       {"DELETE", "x", "DELETE / "}, {NULL, "", "GET / "}};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		duet_http_response out = {0};
		duet_http_request request = {.method = table[i].method,
					     .url = server_url(server, ""),
					     .body = DUET_STR(table[i].body)};

		CHECK_OK(duet_http_fetch(http, &request, &out));
		CHECK_HAS(duet_http_header(&out, "X-Line"), table[i].line);
		CHECK_STR(out.body.data, table[i].body);
		duet_http_response_free(&out);
	}
	CHECK_EQ(server->log->connections, 1);
}

/* One handle serves any method after any other, on one connection. */
TEST(fetch_methods_in_turn_share_a_connection)
{
	server = server_start(echo, NULL);
	with_client(NULL, all_methods);
	server_stop(server);
}

static void discard(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	while (server_take(fd, NULL))
		server_reply(fd, 200, NULL, "");
}

static const char *head_of(duet_http *http, const char *path, size_t len, const char *header)
{
	static char body[2 << 20];
	duet_http_response out = {0};
	duet_http_request request = {.url = server_url(server, path),
				     .headers = (const char *const[]){header, NULL},
				     .body = DUET_BYTES(body, len)};

	CHECK_OK(duet_http_fetch(http, &request, &out));
	duet_http_response_free(&out);
	return server->log->last_head;
}

static void our_own_headers(duet_http *http)
{
	const char *head = head_of(http, "/a", 0, NULL);

	CHECK_HAS(head, "GET /a HTTP/1.1\r\n");
	CHECK_HAS(head, "\r\nUser-Agent: duet/");
	CHECK(strstr(head, "Content-Type") == NULL);
	head = head_of(http, "/b", 2 << 20, "user-agent: mine");
	CHECK_HAS(head, "POST /b HTTP/1.1\r\n");
	CHECK_HAS(head, "\r\nuser-agent: mine\r\n");
	CHECK(strstr(head, "duet/") == NULL && strstr(head, "Expect") == NULL);
	CHECK(strstr(head, "Content-Type") == NULL);
	head = head_of(http, "/a", 2, NULL);
	CHECK_HAS(head, "POST /a HTTP/1.1\r\n");
	CHECK_HAS(head, "\r\nUser-Agent: duet/");
}

static void another_agent(duet_http *http)
{
	CHECK_HAS(head_of(http, "/", 0, NULL), "\r\nUser-Agent: other/1\r\n");
}

/* What is sent unasked: who asks, unless the caller says who; no wish for consent, whatever the
 * size, and no type that nobody gave.  The URL is that of each request. */
TEST(fetch_headers_of_our_own)
{
	server = server_start(discard, NULL);
	with_client(NULL, our_own_headers);
	with_client(&(duet_http_options){.user_agent = "other/1"}, another_agent);
	server_stop(server);
}

static void refused(duet_http *http)
{
	get_fails(http, "http://127.0.0.1:1/", -ECONNREFUSED, "connect");
	get_fails(http, "http://127.0.0.1:1/", -ECONNREFUSED, "127.0.0.1:1");
	get_fails(http, "ftp://127.0.0.1/", DUET_EINVAL, "http://");
	get_fails(http, "http://u:p@127.0.0.1/", DUET_EINVAL, "Authorization");
	get_fails(http, NULL, DUET_EINVAL, "no URL");
}

/* No connection, and nothing that could be one, say so in words. */
TEST(fetch_unreachable_is_typed)
{
	with_client(NULL, refused);
}

static void injections(duet_http *http)
{
	duet_http_response out = {0};
	duet_http_request bad[] = {
		{.url = server_url(server, "/"),
		 .headers = (const char *const[]){"A: b\r\nEvil: yes", NULL}},
		{.url = server->url, .method = "GET / HTTP/1.1\r\nEvil: yes\r\n\r\nGET"},
		{.url = "http://127.0.0.1/\r\nEvil: yes"},
	};

	for (size_t i = 0; i < 3; i++)
		CHECK_ERR(duet_http_fetch(http, &bad[i], &out), DUET_EINVAL);
	CHECK_EQ(server->log->connections, 0);
}

/* H15: what would end a line is refused before anything is sent. */
TEST(h15_fetch_injection_sends_nothing)
{
	server = server_start(echo, NULL);
	with_client(NULL, injections);
	server_stop(server);
}

static int get_one(void *arg)
{
	duet_http_response out = {0};
	int r = get(arg, server_url(server, "/"), &out);

	duet_http_response_free(&out);
	return r;
}

static duet_http *kept;

static int get_kept(void *arg)
{
	(void)arg;
	return get_one(kept);
}

/* A client serves one run after another; what belongs to a run ends with it. */
TEST(client_kept_serves_several_runs)
{
	duet_http_stats_t stats;

	server = server_start(echo, NULL);
	kept = duet_http_open(NULL);
	CHECK(kept != NULL);
	for (int i = 0; i < 3; i++) {
		CHECK_OK(duet_run(get_kept, NULL));
		CHECK_OK(duet_http_stats(kept, &stats));
		CHECK_EQ(stats.sockets, 0);
	}
	CHECK_EQ(stats.done, 3);
	CHECK_EQ(stats.opened, 3);
	duet_http_close(kept);
	duet_http_close(NULL);
	server_stop(server);
}

static int sleep_an_hour(void *arg)
{
	(void)arg;
	return duet_sleep(DUET_S(3600));
}

static int get_beside_sleep(void *arg)
{
	duet_task *sleeper = duet_spawn(sleep_an_hour, NULL);
	duet_time begun = duet_now();

	for (int i = 0; i < 5; i++)
		CHECK_OK(get_kept(arg));
	CHECK_LE(duet_now() - begun, DUET_S(60));
	CHECK_OK(duet_await(sleeper));
	CHECK_GE(duet_now() - begun, DUET_S(3600));
	return 0;
}

/* On the virtual clock a request takes the time that it takes, and sleeping none. */
TEST(fetch_on_the_virtual_clock_is_not_overtaken)
{
	server = server_start(echo, NULL);
	kept = duet_http_open(NULL);
	CHECK_OK(duet_run_with(&(duet_run_options){.clock = DUET_CLOCK_VIRTUAL}, get_beside_sleep,
			       NULL));
	duet_http_close(kept);
	server_stop(server);
}

/* Outside a run there is nothing to wait with. */
TEST(fetch_outside_a_run_is_refused)
{
	kept = duet_http_open(NULL);
	CHECK_ERR(get(kept, "http://127.0.0.1:1/", NULL), DUET_ENOTASK);
	duet_http_close(kept);
}

static void hang(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_hang(fd);
}

static void close_under_way(duet_http *http)
{
	duet_task *tasks[5];
	int results[5];

	kept = http;
	for (int i = 0; i < 5; i++)
		tasks[i] = duet_spawn(get_one, http);
	while (server->log->requests < 2)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	duet_http_close(http);
	CHECK_EQ(duet_settle(tasks, 5, results), 5);
	for (int i = 0; i < 5; i++)
		CHECK_ERR(results[i], DUET_ECLOSED);
}

static int run_close(void *arg)
{
	(void)arg;
	close_under_way(duet_http_open(&(duet_http_options){.max_per_host = 2}));
	return 0;
}

/* Closing the client ends what is under way and what is in line. */
TEST(client_closed_under_way_ends_calls)
{
	server = server_start(hang, NULL);
	CHECK_OK(duet_run(run_close, NULL));
	server_stop(server);
}

static void cancel_at_every_stage(duet_http *http)
{
	for (int i = 0; i < 40; i++) {
		duet_task *t = duet_spawn(get_one, http);

		for (int turn = 0; turn < i; turn++)
			CHECK_OK(i < 20 ? duet_yield() : duet_sleep(DUET_US(50)));
		CHECK_ERR(duet_cancel_await(t), DUET_ECANCELED);
	}
	duet_http_stats_t stats;
	CHECK_OK(duet_http_stats(http, &stats));
	CHECK_EQ(stats.active, 0);
	CHECK_EQ(stats.queued, 0);
	CHECK_EQ(stats.sockets, 0);
}

/* P16: cancelled at any point, a request is gone at once and its connection with it. */
TEST(fetch_cancelled_anywhere_leaves_nothing)
{
	server = server_start(hang, NULL);
	with_client(NULL, cancel_at_every_stage);
	server_stop(server);
}

static void upload_to_nobody(duet_http *http)
{
	char *large = calloc(1, 8 << 20);
	duet_http_response out = {0};

	CHECK(duet_http_fetch(http,
			      &(duet_http_request){.url = server_url(server, "/"),
						   .body = DUET_BYTES(large, 8 << 20)},
			      &out) < 0);
	free(large);
}

static void reset_at_once(int fd, int nth, void *arg)
{
	char piece[1000];

	(void)nth, (void)arg;
	(void)!recv(fd, piece, sizeof(piece), 0);
	server_reset(fd);
}

/* L4: a server that goes away under an upload does not kill the process. */
TEST(fetch_peer_gone_raises_no_sigpipe)
{
	signal(SIGPIPE, SIG_DFL);
	server = server_start(reset_at_once, NULL);
	with_client(NULL, upload_to_nobody);
	server_stop(server);
}

static void note_exchange(void *context, const duet_span *s)
{
	(void)context;
	if (strcmp(s->kind, "http") == 0)
		note("%s: %d, on %u, %s", s->name, s->result, s->track,
		     s->queued <= s->begin && s->begin <= s->end ? "in order" : "not in order");
}

static int exchanges(void *arg)
{
	duet_http *http = duet_http_open(NULL);
	duet_http_response out = {0};

	(void)arg;
	CHECK_OK(get(http, server_url(server, "/path?key=secret"), &out));
	duet_http_response_free(&out);
	get_fails(http, "http://127.0.0.1:1/", -ECONNREFUSED, "connect");
	duet_http_close(http);
	return 0;
}

/* Exchanges are in the trace, with what failed, and without their queries, which may hold keys. */
TEST(fetch_is_traced)
{
	char expected[256];

	server = server_start(echo, NULL);
	CHECK_OK(duet_run_with(&(duet_run_options){.trace = note_exchange}, exchanges, NULL));
	snprintf(expected, sizeof(expected),
		 "GET 127.0.0.1:%d/path: 201, on 1, in order, GET 127.0.0.1:1/: %d, on 1, in order",
		 server->port, -ECONNREFUSED);
	CHECK_STR(notes(), expected);
	server_stop(server);
}
