/* What servers do wrong: the rows H of the failure catalogue, each under its number. */
#include "tests/lib/flaky.h"
#include "tests/lib/process.h"
#include "tests/loop/http/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct server *server, *proxy;

static duet_time wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (duet_time)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- H1 --- */

static void no_such_name(duet_http *http)
{
	get_fails(http, "http://no-such-name.invalid/", DUET_EDNS, "no-such-name.invalid");
}

/* H1: a name that does not resolve is typed, and named. */
TEST(h1_name_unknown_is_typed)
{
	with_client(NULL, no_such_name);
}

/* --- H3 --- */

static void healthy(int fd, int nth, void *arg)
{
	char body[1900];

	(void)nth, (void)arg;
	memset(body, 'b', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	while (server_take(fd, NULL))
		server_reply(fd, 200, "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", body);
}

static void cut_everywhere(duet_http *http)
{
	duet_http_response out = {0};
	int r = get(http, server_url(proxy, "/"), &out);

	CHECK(r == -ECONNRESET || r == DUET_EPROTO);
	CHECK(out.body.data == NULL);
}

static void cut_at(long byte, int resets)
{
	struct flaky plan = {.port = server->port, .cut_at = byte, .resets = resets};

	proxy = server_start(flaky_relay, &plan);
	with_client(NULL, cut_everywhere);
	server_stop(proxy);
}

/* H3: a connection that ends at any byte of the answer is an error, never a short success. */
TEST_WITHIN(h3_answer_cut_anywhere_is_typed, 60)
{
	int step = test_is_slow() ? 97 : 7;

	server = server_start(healthy, NULL);
	for (long byte = 1; byte < 1980; byte += byte < 140 ? 1 : step)
		cut_at(byte, byte % 2 == 1);
	server_stop(server);
}

/* --- H4 --- */

/* Serves one request on each connection, keeps it open, then closes on the next. */
static void one_each(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	if (server_take(fd, NULL))
		server_reply(fd, 200, NULL, "ok");
	server_take(fd, NULL);
}

static void twenty_posts(duet_http *http)
{
	duet_http_request post = {.url = server_url(server, "/"), .body = DUET_STR("x")};
	unsigned sends = 0;
	int succeeded = 0;

	for (int i = 0; i < 20; i++) {
		duet_http_response out = {0};

		CHECK_OK(duet_http_fetch(http, &post, &out));
		succeeded++;
		sends += out.sends;
		duet_http_response_free(&out);
	}
	CHECK_EQ(sends, server->log->requests);
	CHECK_GE(sends, 30);
}

/* H4: what curl sends again behind a dead connection is counted: the server's log agrees. */
TEST(h4_silent_resends_are_counted)
{
	server = server_start(one_each, NULL);
	with_client(NULL, twenty_posts);
	server_stop(server);
}

/* --- H5 --- */

static void loris(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	while (server_send(fd, "x", 1) == 0)
		server_pause_ms(5);
}

static void silent(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx");
	server_hang(fd);
}

static void mute(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_hang(fd);
}

static void bounded_fail(duet_http *http, duet_http_request request, const char *words)
{
	duet_http_response out = {0};
	duet_time begun = wall();

	request.url = server_url(server, "/");
	CHECK_ERR(duet_http_fetch(http, &request, &out), DUET_ETIMEDOUT);
	CHECK_HAS(duet_errmsg(), words);
	CHECK_LE(wall() - begun, DUET_S(3));
}

static void times_out(duet_http *http)
{
	bounded_fail(http, (duet_http_request){.timeout = DUET_MS(100)}, "timeout: the exchange");
}

static void stalls(duet_http *http)
{
	bounded_fail(http, (duet_http_request){.stall_timeout = DUET_MS(100)}, "stall timeout");
}

static void stalls_in_the_body(duet_http *http)
{
	bounded_fail(http, (duet_http_request){.body_stall_timeout = DUET_MS(100)},
		     "stall timeout");
}

static void slow_to_begin(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_pause_ms(150);
	server_reply(fd, 200, NULL, "well");
}

static void may_think(duet_http *http)
{
	duet_http_response out = {0};
	duet_http_request request = {.url = server_url(server, "/"),
				     .body_stall_timeout = DUET_MS(50)};

	CHECK_OK(duet_http_fetch(http, &request, &out));
	duet_http_response_free(&out);
}

/* Silence before the answer is one thing, and silence within it another. */
TEST(h5_silence_within_the_body_has_a_limit_of_its_own)
{
	server = server_start(silent, NULL);
	with_client(NULL, stalls_in_the_body);
	server_stop(server);
	server = server_start(slow_to_begin, NULL);
	with_client(NULL, may_think);
	server_stop(server);
}

/* H5: a body that drips in lasts no longer than the whole may. */
TEST(h5_slow_body_ends_with_the_timeout)
{
	server = server_start(loris, NULL);
	with_client(NULL, times_out);
	server_stop(server);
}

/* H5: silence within the answer, and before it, ends with the stall timeout. */
TEST(h5_silence_ends_with_the_stall_timeout)
{
	server = server_start(silent, NULL);
	with_client(NULL, stalls);
	server_stop(server);
	server = server_start(mute, NULL);
	with_client(NULL, stalls);
	server_stop(server);
}

/* A TLS handshake that never ends counts as not connected. */
static void tls_to_mute(duet_http *http)
{
	duet_http_response out = {0};
	char url[100];

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", server->port);
	CHECK_ERR(duet_http_fetch(http,
				  &(duet_http_request){.url = url, .connect_timeout = DUET_MS(100)},
				  &out),
		  DUET_ETIMEDOUT);
	CHECK_HAS(duet_errmsg(), "connect timeout");
}

/* H2, H5: a handshake that stalls ends with the connect timeout. */
TEST(h5_handshake_stall_ends_with_the_connect_timeout)
{
	server = server_start(mute, NULL);
	with_client(NULL, tls_to_mute);
	server_stop(server);
}

/* --- H6 --- */

struct canned {
	const char *answer;
	int code; /* 0 = success */
};

static const struct canned *canned;

static void say_canned(int fd, int nth, void *arg)
{
	const struct canned *c = arg;

	(void)nth;
	server_take(fd, NULL);
	server_say(fd, "%s", c->answer);
}

static void take_canned(duet_http *http)
{
	duet_http_response out = {0};
	int r = get(http, server_url(server, "/"), &out);

	if (r != canned->code)
		test_fail(__FILE__, __LINE__, "%d (%s: %s), not %d, for: %s", r, duet_err_name(r),
			  duet_errmsg(), canned->code, canned->answer);
	duet_http_response_free(&out);
}

static const struct canned answers[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0},
	{"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 0},
	{"HTTP/1.0 200 OK\r\n\r\nuntil the end", 0},
	{"HTTP/1.1 204 No Content\r\n\r\n", 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nmore than said", 0},
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0},
	{"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n",
	 0},
	{"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 0\r\n\r\n", DUET_EPROTO},
	{"", -ECONNRESET},
	{"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nshort", DUET_EPROTO},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", DUET_EPROTO},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n", DUET_EPROTO},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "fffffffffffffffff\r\nok\r\n0\r\n\r\n",
	 DUET_EPROTO},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n", DUET_EPROTO},
	{"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", DUET_EPROTO},
	{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello", DUET_EPROTO},
	{"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", DUET_EPROTO},
	{"<html>no headers at all</html>", DUET_EPROTO},
	{"garbage\n\n\n", DUET_EPROTO},
	{"HTTP/9.9 200 OK\r\n\r\n", DUET_EPROTO},
	{"HTTP/1.1 abc OK\r\n\r\n", DUET_EPROTO},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx", DUET_E2BIG},
};

/* H6: canned answers, right and wrong, each with the code that it deserves. */
TEST(h6_canned_answers_are_typed)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		canned = &answers[i];
		server = server_start(say_canned, (void *)&answers[i]);
		with_client(NULL, take_canned);
		server_stop(server);
	}
}

static void endless_headers(int fd, int nth, void *arg)
{
	const char *piece = arg;

	(void)nth;
	server_take(fd, NULL);
	if (*piece != 'H')
		server_say(fd, "HTTP/1.1 200 OK\r\n");
	while (server_say(fd, "%s", piece) == 0)
		;
}

static bool last_piece_ends;

static void too_many_headers(duet_http *http)
{
	duet_http_response out = {0};
	int r = get(http, server_url(server, "/"), &out);

	CHECK_ERR(r, DUET_EPROTO);
	if (last_piece_ends)
		CHECK_HAS(duet_errmsg(), "beyond 256 KiB"); /* ours, below curl's */
}

/* H6: headers without end, one header without end, a flood of 1xx: all end by size. */
TEST(h6_endless_headers_are_refused)
{
	static const char *const pieces[] = {"X-A: 0123456789012345678901234567890123456789\r\n",
					     "0123456789012345678901234567890123456789",
					     "HTTP/1.1 100 Continue\r\n\r\n"};

	for (int i = 0; i < 3; i++) {
		server = server_start(endless_headers, (void *)pieces[i]);
		last_piece_ends = strchr(pieces[i], '\n') != NULL;
		with_client(NULL, too_many_headers);
		server_stop(server);
	}
}

/* --- H7 --- */

static long peak_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static void endless_body(int fd, int nth, void *arg)
{
	static char zeros[65536];

	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\n\r\n");
	while (server_send(fd, zeros, sizeof(zeros)) == 0)
		;
}

/* Zeros without end: each piece is 64 KiB of them, deflated. */
static void bomb(int fd, int nth, void *arg)
{
	static const unsigned char head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3};
	static const unsigned char piece[] = {
		0xec, 0xc1, 0x01, 0x01, 0x00, 0x00, 0x00, 0x80, 0x90, 0xfe, 0xaf, 0xee, 0x08, 0x0a,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6a, 0x00, 0x00, 0x00, 0xff, 0xff};

	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
	server_send(fd, head, sizeof(head));
	while (server_send(fd, piece, sizeof(piece)) == 0)
		;
}

static void too_large(duet_http *http)
{
	long before = peak_kib();

	get_fails(http, server_url(server, "/"), DUET_E2BIG, "larger than 4194304 bytes");
	if (!test_is_slow())
		CHECK_LE(peak_kib() - before, 3 * 4096 + 4096);
}

/* H7: a body without end stops at the cap. */
TEST(h7_endless_body_stops_at_the_cap)
{
	server = server_start(endless_body, NULL);
	with_client(&(duet_http_options){.max_body = 4 << 20}, too_large);
	server_stop(server);
}

/* H7: the cap counts what comes out of the decoder. */
TEST(h7_gzip_bomb_stops_at_the_cap)
{
	server = server_start(bomb, NULL);
	with_client(&(duet_http_options){.max_body = 4 << 20, .compressed = true}, too_large);
	server_stop(server);
}

static void lying_length(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\nx");
}

/* Address space counts, too: memory that is not touched is no less taken. */
static void believes_little(duet_http *http)
{
	long before = process_reach(getpid());

	get_fails(http, server_url(server, "/"), DUET_EPROTO, "");
	if (!test_is_slow())
		CHECK_LE(process_reach(getpid()) - before, 16384);
}

/* H7: a length is no reason to take that much memory. */
TEST(h7_announced_length_takes_no_memory)
{
	server = server_start(lying_length, NULL);
	with_client(NULL, believes_little);
	server_stop(server);
}

/* --- H12 --- */

static void redirects(int fd, int nth, void *arg)
{
	(void)nth;
	while (server_take(fd, NULL))
		server_reply(fd, 302, arg, "");
}

static void not_followed(duet_http *http)
{
	duet_http_response out = {0};

	CHECK_OK(get(http, server_url(server, "/"), &out));
	CHECK_EQ(out.status, 302);
	CHECK(duet_http_header(&out, "location") != NULL);
	duet_http_response_free(&out);
}

/* H12: a redirect is an answer like any other. */
TEST(h12_redirect_is_not_followed)
{
	static const char *const places[] = {"Location: /elsewhere\r\n",
					     "Location: file:///etc/passwd\r\n",
					     "Location: //evil.invalid/\r\n"};

	for (int i = 0; i < 3; i++) {
		server = server_start(redirects, (void *)places[i]);
		with_client(NULL, not_followed);
		CHECK_EQ(server->log->requests, 1);
		server_stop(server);
	}
}

/* --- H16 --- */

static void refusing_proxy(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_reply(fd, 407, "Proxy-Authenticate: Basic\r\n", "no");
}

static void through_refusing_proxy(duet_http *http)
{
	duet_http_response out = {0};

	get_fails(http, "https://example.invalid/", DUET_EHTTP, "407");
	CHECK(strstr(duet_errmsg(), "secret") == NULL);
	CHECK_OK(get(http, "http://example.invalid/", &out));
	CHECK_EQ(out.status, 407);
	duet_http_response_free(&out);
}

static void with_proxy(const char *url, void (*body)(duet_http *http))
{
	with_client(&(duet_http_options){.proxy = url}, body);
}

/* H16: a proxy that refuses is named, without its password. */
TEST(h16_proxy_refusing_is_typed_without_password)
{
	char url[100];

	server = server_start(refusing_proxy, NULL);
	snprintf(url, sizeof(url), "http://user:secret@127.0.0.1:%d", server->port);
	with_proxy(url, through_refusing_proxy);
	server_stop(server);
}

static void through_no_proxy(duet_http *http)
{
	get_fails(http, "http://example.invalid/", -ECONNREFUSED, "proxy 127.0.0.1:1");
	CHECK(strstr(duet_errmsg(), "secret") == NULL);
}

/* H16: a proxy that is not there is told from the server that is behind. */
TEST(h16_proxy_unreachable_is_named)
{
	with_proxy("http://user:secret@127.0.0.1:1", through_no_proxy);
}

static void reach_directly(duet_http *http)
{
	duet_http_response out = {0};

	CHECK_OK(get(http, server_url(server, "/"), &out));
	duet_http_response_free(&out);
}

static void dying_proxy(int fd, int nth, void *arg)
{
	(void)nth;
	server_take(fd, NULL);
	server_say(fd, "%s", (const char *)arg);
}

static void through_dying_proxy(duet_http *http)
{
	duet_http_response out = {0};
	int r = get(http, "https://example.invalid/", &out);

	CHECK(r < 0 && r != DUET_ETIMEDOUT);
	CHECK_HAS(duet_errmsg(), "proxy 127.0.0.1");
	CHECK(out.body.data == NULL);
}

/* H16: a proxy that goes away, before, in and after its consent, is named. */
TEST(h16_proxy_dying_is_typed)
{
	static const char *const lasts[] = {"", "HTTP/1.1 200 Conn", "garbage\r\n\r\n",
					    "HTTP/1.1 200 Connected\r\n\r\n",
					    "HTTP/1.1 200 Connected\r\n\r\nno TLS"};
	char url[100];

	for (size_t i = 0; i < sizeof(lasts) / sizeof(*lasts); i++) {
		server = server_start(dying_proxy, (void *)lasts[i]);
		snprintf(url, sizeof(url), "http://127.0.0.1:%d", server->port);
		with_proxy(url, through_dying_proxy);
		server_stop(server);
	}
}

static void through_environment_proxy(duet_http *http)
{
	get_fails(http, server_url(server, "/"), -ECONNREFUSED, "proxy 127.0.0.1:1");
}

/* The environment's proxy is read once, at open, and an option overrides it. */
TEST(h16_proxy_environment_and_options)
{
	server = server_start(healthy, NULL);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	with_client(NULL, through_environment_proxy);
	setenv("no_proxy", "127.0.0.1", 1);
	with_client(NULL, reach_directly);
	unsetenv("no_proxy");
	with_client(&(duet_http_options){.proxy = ""}, reach_directly);
	server_stop(server);
}
