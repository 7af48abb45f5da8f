/* Redirects, followed by clients that are told to: where they lead, and what may go there. */
#include "tests/loop/http/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server *server, *other;

static const duet_http_options follows = {.max_redirects = 5};

/* "/go/STATUS?PLACE" is answered with that status and "Location: PLACE", where "=" stands for the whole
 * of the other server's URL; anything else with the request's own head and body. */
static void send_on(int fd, int nth, void *arg)
{
	struct server_request *r = malloc(sizeof(*r));
	char place[512], line[1024];
	int status;

	(void)nth;
	while (server_take(fd, r)) {
		if (sscanf(r->head, "%*s /go/%d?%511s", &status, place) == 2) {
			snprintf(line, sizeof(line), "Location: %s%s\r\n",
				 place[0] == '=' ? (const char *)arg : "",
				 place + (place[0] == '='));
			server_reply(fd, status, line, "not this");
		} else {
			server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s|%s",
				   strlen(r->head) + 1 + strlen(r->body), r->head, r->body);
		}
	}
	free(r);
}

static void fetch(duet_http *http, const char *method, const char *path, duet_http_response *out)
{
	duet_http_request request = {
		.method = method,
		.url = server_url(server, path),
		.headers = (const char *const[]){"Authorization: Bearer sesame", "Cookie: c=1",
						 "Content-Type: text/plain", "X-Mine: yes", NULL},
		.body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0
				? DUET_STR("the body")
				: (duet_bytes){0},
	};

	CHECK_OK(duet_http_fetch(http, &request, out));
	CHECK_EQ(out->status, 200);
}

static void check_end(duet_http *http, const char *method, const char *path, const char *line,
		      const char *body)
{
	duet_http_response out = {0};

	fetch(http, method, path, &out);
	CHECK_HAS(out.body.data, line);
	CHECK_STR(strchr(out.body.data, '|') + 1, body);
	CHECK_EQ(out.sends, 2);
	CHECK_HAS(out.body.data, "Authorization: Bearer sesame");
	CHECK_HAS(out.url, "http://127.0.0.1:");
	duet_http_response_free(&out);
}

static void all_kinds(duet_http *http)
{
	duet_http_response out = {0};

	check_end(http, "GET", "/go/301?/absolute", "GET /absolute HTTP", "");
	check_end(http, "GET", "/go/302?relative?q=1", "GET /go/relative?q=1 HTTP", "");
	check_end(http, "GET", "/go/301?/with#fragment", "GET /with HTTP", "");
	check_end(http, "POST", "/go/301?/a", "GET /a HTTP", "");
	check_end(http, "POST", "/go/303?/a", "GET /a HTTP", "");
	check_end(http, "PUT", "/go/303?/a", "GET /a HTTP", "");
	check_end(http, "PUT", "/go/302?/a", "PUT /a HTTP", "the body");
	check_end(http, "POST", "/go/307?/a", "POST /a HTTP", "the body");
	check_end(http, "POST", "/go/308?/a", "POST /a HTTP", "the body");
	fetch(http, "GET", "/none", &out);
	CHECK(out.url == NULL);
	duet_http_response_free(&out);
}

/* Every kind of place, and every status with the method and body that it keeps. */
TEST(redirect_is_followed_by_its_rules)
{
	server = server_start(send_on, NULL);
	with_client(&follows, all_kinds);
	server_stop(server);
}

static void without_type(duet_http *http)
{
	duet_http_response out = {0};

	fetch(http, "POST", "/go/302?/a", &out);
	CHECK(strstr(out.body.data, "Content-Type") == NULL);
	CHECK_HAS(out.body.data, "X-Mine: yes");
	duet_http_response_free(&out);
}

/* What described the body goes when the body goes. */
TEST(redirect_to_get_drops_the_headers_of_the_body)
{
	server = server_start(send_on, NULL);
	with_client(&follows, without_type);
	server_stop(server);
}

static void elsewhere(duet_http *http)
{
	duet_http_response out = {0};

	fetch(http, "POST", "/go/307?=/there", &out);
	CHECK_HAS(out.body.data, "POST /there HTTP");
	CHECK_HAS(out.body.data, "the body");
	CHECK_HAS(out.body.data, "X-Mine: yes");
	CHECK(strstr(out.body.data, "Authorization") == NULL);
	CHECK(strstr(out.body.data, "Cookie") == NULL);
	CHECK_HAS(out.url, "/there");
	duet_http_response_free(&out);
	fetch(http, "GET", "/go/302?=/go/302?there", &out);
	CHECK(strstr(out.body.data, "sesame") == NULL);
	duet_http_response_free(&out);
}

/* H12: to another port, as to another host, no secret goes, nor does it come back later. */
TEST(h12_redirect_elsewhere_takes_no_secrets)
{
	other = server_start(send_on, NULL);
	server = server_start(send_on, (void *)server_url(other, ""));
	with_client(&follows, elsewhere);
	server_stop(server);
	server_stop(other);
}

static void bad_places(duet_http *http)
{
	static const char *const places[] = {"/go/302?file:///etc/passwd",
					     "/go/302?ftp://127.0.0.1/",
					     "/go/302?http://u:p@127.0.0.1/", "/go/302?http://",
					     "/go/302?gopher://127.0.0.1:1/"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		get_fails(http, server_url(server, places[i]), DUET_EHTTP, "redirect");
	CHECK_EQ(server->log->requests, 5);
}

/* H12: a redirect to what is no place of the web ends there. */
TEST(h12_redirect_to_no_web_place_is_refused)
{
	server = server_start(send_on, NULL);
	with_client(&follows, bad_places);
	server_stop(server);
}

static void round_and_round(int fd, int nth, void *arg)
{
	(void)nth;
	while (server_take(fd, NULL)) {
		server_pause_ms(arg != NULL ? 20 : 0);
		server_reply(fd, 302, "Location: /again\r\n", "");
	}
}

static void too_many(duet_http *http)
{
	get_fails(http, server_url(server, "/"), DUET_EHTTP, "more redirects than");
	CHECK_EQ(server->log->requests, 6);
}

static void too_long(duet_http *http)
{
	duet_http_response out = {0};
	duet_http_request request = {.url = server_url(server, "/"), .timeout = DUET_MS(200)};

	CHECK_ERR(duet_http_fetch(http, &request, &out), DUET_ETIMEDOUT);
	CHECK_LE(server->log->requests, 11);
}

/* They end after so many, and after so long: the timeout is for all of them. */
TEST(redirects_without_end_come_to_one)
{
	server = server_start(round_and_round, NULL);
	with_client(&follows, too_many);
	server_stop(server);
	server = server_start(round_and_round, "slowly");
	with_client(&(duet_http_options){.max_redirects = 1000000}, too_long);
	server_stop(server);
}

static void streamed(duet_http *http)
{
	duet_http_request request = {.url = server_url(server, "/go/302?/go/302?there")};
	duet_http_stream *s = NULL;
	char text[1024];
	ssize_t n;

	CHECK_OK(duet_http_stream_start(http, &request, &s));
	CHECK_EQ(duet_http_stream_status(s), 200);
	CHECK((n = duet_http_stream_read(s, text, sizeof(text) - 1)) > 0);
	text[n] = '\0';
	CHECK_HAS(text, "GET /go/there HTTP");
	duet_http_stream_close(s);
	request.url = server_url(server, "/go/302?ftp://127.0.0.1/");
	s = NULL;
	CHECK_ERR(duet_http_stream_start(http, &request, &s), DUET_EHTTP);
	CHECK(s == NULL);
}

/* A stream is that of the last answer. */
TEST(redirect_of_a_stream_is_followed)
{
	server = server_start(send_on, NULL);
	with_client(&follows, streamed);
	server_stop(server);
}

static int close_soon(void *http)
{
	while (server->log->requests < 2)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	duet_http_close(http);
	return 0;
}

static int closed_between(void *arg)
{
	duet_http *http = duet_http_open(&(duet_http_options){.max_redirects = 1000000});
	duet_task *closer = duet_spawn(close_soon, http);
	duet_http_stream *s = NULL;
	duet_http_response out = {0};

	if (arg == NULL)
		CHECK_ERR(get(http, server_url(server, "/"), &out), DUET_ECLOSED);
	else
		CHECK_ERR(duet_http_stream_start(
				  http, &(duet_http_request){.url = server_url(server, "/")}, &s),
			  DUET_ECLOSED);
	return duet_await(closer);
}

/* A client that is closed between two of them ends it. */
TEST(redirect_of_a_closed_client_ends)
{
	for (int i = 0; i < 2; i++) {
		server = server_start(round_and_round, NULL);
		CHECK_OK(duet_run(closed_between, i == 0 ? NULL : ""));
		server_stop(server);
	}
}

static int cancelled_task(void *http)
{
	duet_http_response out = {0};
	int r = get(http, server->url, &out);

	duet_http_response_free(&out);
	return r;
}

static void cancelled(duet_http *http)
{
	server_url(server, "/go/302?/go/302?/go/302?/end");
	for (int i = 0; i < 60; i++) {
		duet_task *t = duet_spawn(cancelled_task, http);

		for (int k = 0; k < i; k++)
			CHECK_OK(duet_yield());
		duet_sleep(DUET_US(20 * i));
		(void)duet_cancel_await(t);
	}
}

/* Cancelled anywhere on its way, it leaves nothing. */
TEST(redirect_cancelled_anywhere_leaves_nothing)
{
	server = server_start(send_on, NULL);
	with_client(&follows, cancelled);
	server_stop(server);
}
