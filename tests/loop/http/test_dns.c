/* H1: names, with a resolver of the test's own in place of the system's: curl's threads call the
 * getaddrinfo below. */
#include "tests/loop/http/client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static atomic_int slow_ms, lookups;
static const char *_Atomic answer;

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
						       const struct addrinfo *hints,
						       struct addrinfo **out)
{
	struct addrinfo *found = calloc(1, sizeof(*found) + sizeof(struct sockaddr_in));
	struct sockaddr_in *address = (void *)(found + 1);

	(void)name;
	lookups++;
	server_pause_ms(slow_ms);
	if (answer == NULL) {
		free(found);
		return EAI_NONAME;
	}
	address->sin_family = AF_INET;
	address->sin_port = htons((unsigned short)(service != NULL ? atoi(service) : 0));
	inet_pton(AF_INET, answer, &address->sin_addr);
	found->ai_family = AF_INET;
	found->ai_socktype = hints != NULL ? hints->ai_socktype : SOCK_STREAM;
	found->ai_addrlen = sizeof(*address);
	found->ai_addr = (void *)address;
	*out = found;
	return 0;
}

__attribute__((visibility("default"))) void freeaddrinfo(struct addrinfo *list)
{
	free(list);
}

static struct server *server;
static char url[100];

static duet_time wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (duet_time)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void serve(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	while (server_take(fd, NULL))
		server_reply(fd, 200, NULL, "ok");
}

static void resolves(duet_http *http)
{
	duet_http_response out = {0};

	CHECK_OK(get(http, url, &out));
	CHECK_STR(out.body.data, "ok");
	duet_http_response_free(&out);
	CHECK_OK(get(http, url, &out));
	duet_http_response_free(&out);
	CHECK_EQ(lookups, 1);
}

static void with_server(const char *address, int ms, void (*body)(duet_http *http))
{
	server = server_start(serve, NULL);
	snprintf(url, sizeof(url), "http://somewhere.test:%d/", server->port);
	answer = address;
	slow_ms = ms;
	lookups = 0;
	with_client(NULL, body);
	server_stop(server);
}

/* A name is looked up beside the loop, and remembered. */
TEST(h1_name_is_looked_up_once)
{
	with_server("127.0.0.1", 0, resolves);
}

static void fails(duet_http *http)
{
	get_fails(http, url, DUET_EDNS, "somewhere.test");
}

/* H1: a name that nobody knows is typed. */
TEST(h1_name_unknown_is_typed)
{
	with_server(NULL, 0, fails);
}

static void is_dead(duet_http *http)
{
	duet_http_response out = {0};

	CHECK_ERR(get(http, "http://somewhere.test:1/", &out), -ECONNREFUSED);
	CHECK_HAS(duet_errmsg(), "connect to somewhere.test:1");
}

/* H1: a name with dead addresses only is a failure to connect. */
TEST(h1_name_with_dead_address_is_typed)
{
	with_server("127.0.0.1", 0, is_dead);
}

static int ticks;

static int tick(void *arg)
{
	(void)arg;
	while (duet_sleep(DUET_MS(5)) == 0)
		ticks++;
	return 0;
}

static void slow_lookup(duet_http *http)
{
	duet_http_response out = {0};
	duet_task *ticker = duet_spawn(tick, NULL);
	duet_time begun = wall();

	CHECK_ERR(duet_http_fetch(http,
				  &(duet_http_request){.url = url, .connect_timeout = DUET_MS(100)},
				  &out),
		  DUET_ETIMEDOUT);
	CHECK_HAS(duet_errmsg(), "connect timeout");
	CHECK_LE(wall() - begun, DUET_S(2));
	CHECK_OK(duet_cancel_await(ticker));
	CHECK_GE(ticks, 3);
}

/* H1: a lookup that takes for ever stops nobody else, and ends with the connect timeout; nobody
 * waits for its thread. */
TEST(h1_slow_lookup_ends_with_the_connect_timeout)
{
	duet_time begun = wall();

	with_server("127.0.0.1", 4000, slow_lookup);
	CHECK_LE(wall() - begun, DUET_S(3));
	server_pause_ms(4100); /* the thread ends by itself */
}
