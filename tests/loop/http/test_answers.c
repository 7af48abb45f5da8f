/* Answers made to harm: doubtful, slow and swollen ones. */
#include "client.h"
#include "tests/lib/http_server.h"
#include "tests/lib/test.h"

#include <duet/duet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static struct server *server;

/* --- H6 --- */

struct canned {
	const char *answer;
	size_t len; /* 0 = as a string */
	int code;   /* 0 = success     */
	const char *body;
};

#define OK_CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"

static const struct canned answers[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 0, 0, "ok"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nokxyz", 0, DUET_EPROTO,
	 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2, 5\r\n\r\nokxyz", 0, DUET_EPROTO, 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok", 0, DUET_EPROTO, 0},
	{"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", 0, DUET_EPROTO, 0},
	{OK_CHUNKED "Content-Length: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0, 0, "ok"},
	{OK_CHUNKED "\r\n-2\r\nok\r\n0\r\n\r\n", 0, DUET_EPROTO, 0},
	{OK_CHUNKED "\r\n\r\nok\r\n0\r\n\r\n", 0, DUET_EPROTO, 0},
	{OK_CHUNKED "\r\n2\r\nok\r\n0\r\n", 0, DUET_EPROTO, 0},
	{OK_CHUNKED "\r\n2\r\nok\r\n", 0, DUET_EPROTO, 0},
	{OK_CHUNKED "\r\n8000000000000000\r\nok", 0, DUET_EPROTO, 0},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gibberish\r\n\r\nok", 0, DUET_EPROTO, 0},
	{"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 0, 0, "ok"},
	{"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok", 48, DUET_EPROTO, 0},
	{"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", 0, 0, "ok"},
	{"HTTP/1.1 200 OK\r\n: nameless\r\nContent-Length: 2\r\n\r\nok", 0, 0, "ok"},
	{"HTTP/1.1 99 Low\r\nContent-Length: 2\r\n\r\nok", 0, DUET_EPROTO, 0},
	{"HTTP/1.1 1000 High\r\nContent-Length: 2\r\n\r\nok", 0, DUET_EPROTO, 0},
	{"HTTP/1.1 -20 Low\r\nContent-Length: 2\r\n\r\nok", 0, DUET_EPROTO, 0},
	{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nok", 0, DUET_EPROTO, 0},
	{"HTTP/1.1 100 Continue\r\n\r\n", 0, -ECONNRESET, 0},
	{"HTTP/1.1 20", 0, -ECONNRESET, 0},
	{"HTTP/1.1 200 OK", 0, -ECONNRESET, 0},
	{"HTTP/1.1 200 OK\r\nContent-Len", 0, DUET_EPROTO, 0},
	{"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 0, 0, ""},
	{"ICY 200 OK\r\n\r\nok", 0, DUET_EPROTO, 0},
	{"HTTP/0.9 200 OK\r\n\r\nok", 0, DUET_EPROTO, 0},
	{"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, DUET_EPROTO, 0},
	{"\0\0\0\0\0\0\0\0", 8, DUET_EPROTO, 0},
};

static void say_canned(int fd, int nth, void *arg)
{
	const struct canned *c = arg;

	(void)nth;
	server_take(fd, NULL);
	server_send(fd, c->answer, c->len > 0 ? c->len : strlen(c->answer));
}

static const struct canned *canned;

static void take_canned(duet_http *http)
{
	duet_http_response out = {0};
	int r = get(http, server_url(server, "/"), &out);

	if (r != canned->code || (r == 0 && strcmp(out.body.data, canned->body) != 0))
		test_fail(__FILE__, __LINE__, "%d (%s: %s), not %d, for: %s", r, duet_err_name(r),
			  duet_errmsg(), canned->code, canned->answer);
	duet_http_response_free(&out);
}

/* H6: more answers, right and wrong, each with the code that it deserves. */
TEST(h6_doubtful_answers_are_typed)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		canned = &answers[i];
		server = server_start(say_canned, (void *)&answers[i]);
		with_client(NULL, take_canned);
		server_stop(server);
	}
}

/* --- H5 --- */

static void slow_headers(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nX-Slow: ");
	while (server_send(fd, "x", 1) == 0)
		server_pause_ms(5);
}

static duet_time wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return DUET_S(t.tv_sec) + t.tv_nsec;
}

static void waits_for_headers(duet_http *http)
{
	duet_http_request request = {.url = server_url(server, "/"), .timeout = DUET_MS(100)};
	duet_http_response out = {0};
	duet_time begun = wall();

	CHECK_ERR(duet_http_fetch(http, &request, &out), DUET_ETIMEDOUT);
	CHECK_LE(wall() - begun, DUET_S(3));
	CHECK(duet_http_stream_open(http, &request) == NULL);
	CHECK_HAS(duet_errmsg(), "timeout");
}

/* H5: a header that drips in lasts no longer than the whole may, though bytes keep coming. */
TEST(h5_slow_headers_end_with_the_timeout)
{
	server = server_start(slow_headers, NULL);
	with_client(NULL, waits_for_headers);
	server_stop(server);
}

/* --- H7 --- */

/* Blocks without end, each of them 128 KiB of one byte in four. */
static void zstd_bomb(int fd, int nth, void *arg)
{
	static const unsigned char head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38};
	static const unsigned char block[] = {0x02, 0x00, 0x10, 'x'};

	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n\r\n");
	server_send(fd, head, sizeof(head));
	while (server_send(fd, block, sizeof(block)) == 0)
		;
}

/* 64 MiB of zeros. */
static void brotli_bomb(int fd, int nth, void *arg)
{
	static const unsigned char zeros[] = {
		0xcb, 0xff, 0xff, 0x3f, 0xf8, 0x27, 0x00, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x8f,
		0xff, 0xff, 0x7f, 0xf0, 0x4f, 0x00, 0xc4, 0x61, 0x11, 0x80, 0xee, 0xfd, 0x1f, 0xff,
		0xff, 0xff, 0xe0, 0x9f, 0x00, 0x88, 0xc3, 0x02, 0x00, 0xdd, 0xfb, 0x3f, 0xfe, 0xff,
		0xff, 0xc1, 0x3f, 0x01, 0x10, 0x87, 0x05, 0x00, 0xba, 0xf7, 0x7f, 0xfc, 0xff, 0xff,
		0x83, 0x7f, 0x02, 0x20, 0x0e, 0x0b, 0x00, 0x74, 0xef, 0xff, 0xf8, 0xff, 0xff, 0x07,
		0xff, 0x04, 0x40, 0x1c, 0x16, 0x00, 0xe8, 0xde, 0xff, 0xf1, 0xff, 0xff, 0x0f, 0xfe,
		0x09, 0x80, 0x38, 0x2c, 0x00, 0xd0, 0xbd, 0xff, 0xcb, 0xff, 0xff, 0x3f, 0xfc, 0x13,
		0x00, 0x71, 0x58, 0x00, 0xa0, 0x7b, 0xff, 0x07};

	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: %zu\r\n\r\n",
		   sizeof(zeros));
	server_send(fd, zeros, sizeof(zeros));
	server_hang(fd);
}

static long peak_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static void too_large(duet_http *http)
{
	long before = peak_kib();

	get_fails(http, server_url(server, "/"), DUET_E2BIG, "larger than 4194304 bytes");
	if (!test_is_slow()) /* a decoder's window of its own is up to 16 MiB */
		CHECK_LE(peak_kib() - before, 3 * 4096 + 16384);
}

/* H7: the cap counts what comes out of the decoder, whichever it is. */
TEST(h7_bombs_stop_at_the_cap)
{
	static server_script *const bombs[] = {zstd_bomb, brotli_bomb};

	for (int i = 0; i < 2; i++) {
		server = server_start(bombs[i], NULL);
		with_client(&(duet_http_options){.max_body = 4 << 20, .compressed = true},
			    too_large);
		server_stop(server);
	}
}
