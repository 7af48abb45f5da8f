#include "tests/lib/flaky.h"
#include "tests/loop/http/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server *server, *proxy;

enum { BYTES_SENT_KIB }; /* mark */

enum { FLOOD = 16 << 20 };

/* "%7d\n": under a sanitizer, printf would be the slowest of all. */
static void put_line(char *to, int number)
{
	memcpy(to, "      0\n", 8);
	for (int at = 6; number > 0; number /= 10)
		to[at--] = (char)('0' + number % 10);
}

/* 16 MiB of counted lines, as fast as they are taken. */
static void flood(int fd, int nth, void *arg)
{
	char piece[4096];

	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nX-Kind: flood\r\nContent-Length: %d\r\n\r\n", FLOOD);
	for (int i = 0; i < FLOOD / 4096; i++) {
		for (int j = 0; j < 512; j++)
			put_line(piece + j * 8, i * 512 + j);
		if (server_send(fd, piece, 4096) < 0)
			return;
		server_log->marks[BYTES_SENT_KIB] += 4;
	}
}

static duet_http_stream *open_stream(duet_http *http, struct server *s)
{
	duet_http_stream *stream =
		duet_http_stream_open(http, &(duet_http_request){.url = server_url(s, "/")});

	if (stream == NULL)
		test_fail(__FILE__, __LINE__, "open: %s", duet_errmsg());
	return stream;
}

static void read_all_slowly(duet_http *http)
{
	duet_http_stream *s = open_stream(http, server);
	static char got[FLOOD + 10000];
	size_t n = 0;
	ssize_t r;

	CHECK_EQ(duet_http_stream_status(s), 200);
	CHECK_STR(duet_http_stream_header(s, "x-kind"), "flood");
	CHECK_OK(duet_sleep(DUET_MS(100)));
	/* What the kernel's buffers take, and ours, but not all of it. */
	CHECK_LE(server->log->marks[BYTES_SENT_KIB], FLOOD / 1024 / 4 * 3);
	while ((r = duet_http_stream_read(s, got + n, 10000)) > 0)
		n += (size_t)r;
	CHECK_OK(r);
	CHECK_EQ(n, FLOOD);
	for (int i = 0; i < FLOOD / 8; i += 1000)
		CHECK_EQ(atoi(got + i * 8), i);
	CHECK_EQ(duet_http_stream_read(s, got, 1), 0);
	duet_http_stream_close(s);
}

/* A reader that is slow makes the sender wait, and loses nothing. */
TEST(stream_slow_reader_holds_the_sender)
{
	server = server_start(flood, NULL);
	with_client(NULL, read_all_slowly);
	server_stop(server);
}

static void drop_early(duet_http *http)
{
	duet_http_stats_t stats;
	char piece[100];

	for (int i = 0; i < 5; i++) {
		duet_http_stream *s = open_stream(http, server);

		if (i % 2 == 1)
			CHECK_EQ(duet_http_stream_read(s, piece, 100), 100);
		duet_http_stream_close(s);
	}
	duet_http_stream_close(NULL);
	CHECK_OK(duet_http_stats(http, &stats));
	CHECK_EQ(stats.active, 0);
	CHECK_EQ(stats.sockets, 0);
}

/* A stream may be closed at any point. */
TEST(stream_closed_early_drops_the_connection)
{
	server = server_start(flood, NULL);
	with_client(NULL, drop_early);
	server_stop(server);
}

static duet_http_stream *left;

static int leave(void *http)
{
	left = open_stream(http, server);
	return 0;
}

/* A stream left open beyond its run is harmless, and can still be closed. */
TEST(stream_left_open_ends_with_the_run)
{
	duet_http *http = duet_http_open(NULL);

	server = server_start(flood, NULL);
	CHECK_OK(duet_run(leave, http));
	duet_http_stream_close(left);
	duet_http_close(http);
	server_stop(server);
}

static void slow_flood(duet_http *http)
{
	duet_http_stream *s =
		duet_http_stream_open(http, &(duet_http_request){.url = server_url(server, "/"),
								 .stall_timeout = DUET_S(1)});
	char piece[65536];
	size_t n = 0;
	ssize_t r;

	CHECK(s != NULL);
	CHECK_OK(duet_sleep(DUET_MS(1500)));
	while ((r = duet_http_stream_read(s, piece, sizeof(piece))) > 0)
		n += (size_t)r;
	CHECK_OK(r);
	CHECK_EQ(n, FLOOD);
	duet_http_stream_close(s);
}

/* The silence of a stream that its own reader holds up is no stall. */
TEST(stream_paused_is_no_stall)
{
	server = server_start(flood, NULL);
	with_client(NULL, slow_flood);
	server_stop(server);
}

static void cut_in_body(duet_http *http)
{
	duet_http_stream *s = open_stream(http, proxy);
	char piece[65536];
	size_t n = 0;
	ssize_t r;

	while ((r = duet_http_stream_read(s, piece, sizeof(piece))) > 0)
		n += (size_t)r;
	CHECK_ERR(r, DUET_EPROTO);
	CHECK_GE(n, 90000);
	CHECK_ERR(duet_http_stream_read(s, piece, 1), DUET_EPROTO);
	duet_http_stream_close(s);
}

/* H3: a body that is cut ends with an error, after what came of it. */
TEST(h3_stream_cut_is_an_error_behind_the_bytes)
{
	struct flaky plan = {.cut_at = 100000};

	server = server_start(flood, NULL);
	plan.port = server->port;
	proxy = server_start(flaky_relay, &plan);
	with_client(NULL, cut_in_body);
	server_stop(proxy);
	server_stop(server);
}

static void open_fails(duet_http *http)
{
	duet_http_stream *s = NULL;

	CHECK(duet_http_stream_open(http, &(duet_http_request){.url = "http://127.0.0.1:1/"}) ==
	      NULL);
	CHECK_EQ(errno, ECONNREFUSED);
	CHECK_HAS(duet_errmsg(), "connect");
	CHECK_ERR(duet_http_stream_start(http, &(duet_http_request){.url = "http://127.0.0.1:1/"},
					 &s),
		  -ECONNREFUSED);
	CHECK(s == NULL);
}

/* A stream that cannot be opened says why. */
TEST(stream_refused_is_typed)
{
	with_client(NULL, open_fails);
}

/* Three events, cut anyhow by the proxy. */
static void three_events(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "3\r\ndat\r\n8\r\na: one\n\n\r\n11\r\nevent: x\ndata: tw\r\n4\r\no\n\nd\r\n"
		       "c\r\nata: three\n\n\r\n0\r\n\r\n");
}

static void read_events(duet_http *http)
{
	duet_http_stream *s = open_stream(http, proxy);
	duet_sse_event e;

	CHECK_EQ(duet_http_stream_sse(s, &e), 1);
	CHECK_STR(e.data, "one");
	CHECK_EQ(duet_http_stream_sse(s, &e), 1);
	CHECK_STR(e.data, "two");
	CHECK_STR(e.event, "x");
	CHECK_EQ(duet_http_stream_sse(s, &e), 1);
	CHECK_STR(e.data, "three");
	CHECK_STR(e.event, "message");
	CHECK_EQ(duet_http_stream_sse(s, &e), 0);
	CHECK_EQ(duet_http_stream_sse(s, &e), 0);
	duet_http_stream_close(s);
}

/* H8: events come whole from a body that drips in byte by byte. */
TEST(h8_stream_dribbled_events_are_whole)
{
	struct flaky plan = {.dribble_ms = 1};

	server = server_start(three_events, NULL);
	plan.port = server->port;
	proxy = server_start(flaky_relay, &plan);
	with_client(NULL, read_events);
	server_stop(proxy);
	server_stop(server);
}

static void half_event(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.0 200 OK\r\n\r\ndata: whole\n\ndata: half\n");
}

static void read_half(duet_http *http)
{
	duet_http_stream *s = open_stream(http, server);
	duet_sse_event e;

	CHECK_EQ(duet_http_stream_sse(s, &e), 1);
	CHECK_ERR(duet_http_stream_sse(s, &e), DUET_EPROTO);
	CHECK_HAS(duet_errmsg(), "inside an event");
	duet_http_stream_close(s);
}

/* H8: a stream that ends inside an event is an error, never a success. */
TEST(h8_stream_ending_inside_an_event_is_an_error)
{
	server = server_start(half_event, NULL);
	with_client(NULL, read_half);
	server_stop(server);
}

static int read_for_ever(void *http)
{
	duet_http_stream *s = open_stream(http, server);
	char piece[1000];
	ssize_t r;

	while ((r = duet_http_stream_read(s, piece, sizeof(piece))) > 0)
		;
	duet_http_stream_close(s);
	return (int)r;
}

static void silent(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx");
	server_hang(fd);
}

static void cancel_reader(duet_http *http)
{
	duet_task *t = duet_spawn(read_for_ever, http);

	while (server->log->requests < 1)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	CHECK_OK(duet_sleep(DUET_MS(5)));
	CHECK_ERR(duet_cancel_await(t), DUET_ECANCELED);
}

/* A reader that waits for bytes can be cancelled. */
TEST(stream_reader_is_cancellable)
{
	server = server_start(silent, NULL);
	with_client(NULL, cancel_reader);
	server_stop(server);
}
