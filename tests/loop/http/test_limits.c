#include "tests/loop/http/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct server *server, *other, *spare;

enum { NOW, MOST }; /* marks: requests under way, and the most there were */

/* Answers after 5 ms with the path, and counts how many requests are under way. */
static void slow(int fd, int nth, void *arg)
{
	struct server_request *r = malloc(sizeof(*r));

	(void)nth, (void)arg;
	while (server_take(fd, r)) {
		int now = ++server_log->marks[NOW];

		if (now > server_log->marks[MOST])
			server_log->marks[MOST] = now;
		server_pause_ms(5);
		server_log->marks[NOW]--;
		server_reply(fd, 200, NULL, "ok");
	}
	free(r);
}

static duet_http *http_;
static int order[64], finished;

static int get_nth(void *ctx, size_t i)
{
	duet_http_response out = {0};
	char url[100];
	int r;

	(void)ctx;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/%zu",
		 other != NULL && i % 2 == 1 ? other->port : server->port, i);
	r = get(http_, url, &out);
	if (r == 0)
		order[finished++ % 64] = (int)i;
	duet_http_response_free(&out);
	return r;
}

static void forty(duet_http *http)
{
	duet_http_stats_t stats;

	http_ = http;
	CHECK_OK(duet_map(40, 0, get_nth, NULL, NULL));
	CHECK_OK(duet_http_stats(http, &stats));
	CHECK_EQ(stats.done, 40);
	CHECK_EQ(stats.active, 0);
	CHECK_EQ(stats.queued, 0);
}

/* .max_connections bounds what is in flight, and connections are used again. */
TEST(limits_client_bound_holds)
{
	server = server_start(slow, NULL);
	with_client(&(duet_http_options){.max_connections = 3}, forty);
	CHECK_EQ(server->log->marks[MOST], 3);
	CHECK_EQ(server->log->connections, 3);
	server_stop(server);
}

/* .max_per_host bounds each host by itself. */
TEST(limits_host_bound_holds_for_each)
{
	server = server_start(slow, NULL);
	other = server_start(slow, NULL);
	with_client(&(duet_http_options){.max_per_host = 2}, forty);
	CHECK_EQ(server->log->marks[MOST], 2);
	CHECK_EQ(other->log->marks[MOST], 2);
	server_stop(server);
	server_stop(other);
}

static void ten_in_order(duet_http *http)
{
	http_ = http;
	CHECK_OK(duet_map(10, 0, get_nth, NULL, NULL));
	for (int i = 0; i < 10; i++)
		CHECK_EQ(order[i], i);
}

/* Those in line go first in, first out. */
TEST(limits_line_is_first_in_first_out)
{
	server = server_start(slow, NULL);
	with_client(&(duet_http_options){.max_connections = 1}, ten_in_order);
	server_stop(server);
}

static void hang(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_take(fd, NULL);
	server_hang(fd);
}

static int hold(void *url)
{
	duet_http_response out = {0};

	return get(http_, url, &out);
}

static void wait_in_line(duet_http *http)
{
	char url[100];
	duet_task *first;

	http_ = http;
	snprintf(url, sizeof(url), "%s", server_url(server, "/"));
	first = duet_spawn(hold, url);
	CHECK_OK(duet_yield());
	get_fails(http, url, DUET_ETIMEDOUT, "in line");
	CHECK_ERR(duet_cancel_await(first), DUET_ECANCELED);
}

/* The wait in line has a limit of its own. */
TEST(limits_queue_timeout_is_typed)
{
	server = server_start(hang, NULL);
	with_client(&(duet_http_options){.max_connections = 1, .queue_timeout = DUET_MS(20)},
		    wait_in_line);
	server_stop(server);
}

static void many(duet_http *http)
{
	duet_http_stats_t stats;

	http_ = http;
	CHECK_OK(duet_map(300, 0, get_nth, NULL, NULL));
	CHECK_OK(duet_http_stats(http, &stats));
	CHECK_EQ(stats.done, 300);
}

/* L2: with too few descriptors requests wait for one another; all of them succeed. */
TEST(limits_out_of_descriptors_waits)
{
	struct rlimit few = {40, 40};

	server = server_start(slow, NULL);
	other = NULL;
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	with_client(NULL, many);
	server_stop(server);
}

static void none_left(duet_http *http)
{
	struct rlimit none = {3, 40};

	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	get_fails(http, server_url(server, "/"), -EMFILE, "connect");
	none.rlim_cur = none.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
}

/* With none at all, the error says what is the matter. */
TEST(limits_no_descriptor_is_typed)
{
	server = server_start(slow, NULL);
	with_client(NULL, none_left);
	server_stop(server);
}

static void set_descriptors(rlim_t n)
{
	struct rlimit r = {n, 1024};

	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
}

/* Ten idle connections to one server, no descriptor left, and a request for the other. */
static void crowd(duet_http *http)
{
	duet_http_response out = {0};
	duet_http_stats_t stats;
	int lowest_free;

	http_ = http;
	CHECK_OK(duet_map(10, 0, get_nth, NULL, NULL));
	CHECK_OK(duet_http_stats(http, &stats));
	CHECK_EQ(stats.sockets, 10);
	CHECK((lowest_free = dup(0)) >= 0);
	CHECK(close(lowest_free) == 0);
	set_descriptors((rlim_t)lowest_free);
	CHECK_OK(get(http, server_url(spare, "/"), &out));
	set_descriptors(1024);
	CHECK_OK(duet_http_stats(http, &stats));
	CHECK_EQ(stats.sockets, 1);
	duet_http_response_free(&out);
}

/* L2: idle connections give their descriptors back to who needs one. */
TEST(limits_idle_connections_make_room)
{
	server = server_start(slow, NULL);
	spare = server_start(slow, NULL);
	with_client(NULL, crowd);
	server_stop(server);
	server_stop(spare);
}

static void six_hundred(duet_http *http)
{
	duet_http_stats_t stats;

	http_ = http;
	CHECK_OK(duet_map(1200, 600, get_nth, NULL, NULL));
	CHECK_OK(duet_http_stats(http, &stats));
	CHECK_EQ(stats.done, 1200);
	CHECK_LE(stats.opened, 640);
}

/* Beyond one shard's worth, requests spread over several, and still share connections. */
TEST(limits_many_connections_are_sharded)
{
	server = server_start(slow, NULL);
	with_client(NULL, six_hundred);
	server_stop(server);
}
