/* P9: duet's own allocations and descriptors fail, one after the other; every call ends with an
 * error or its result, and nothing is left. */
#include "tests/lib/fault.h"
#include "tests/loop/http/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server *server;

static void serve(int fd, int nth, void *arg)
{
	struct server_request *r = malloc(sizeof(*r));

	(void)nth, (void)arg;
	while (server_take(fd, r)) {
		if (strstr(r->head, " /away ") != NULL)
			server_reply(fd, 302, "Location: /here\r\n", "");
		else
			server_reply(fd, 200, "X-A: b\r\n", "0123456789");
	}
	free(r);
}

static bool is_expected(int r)
{
	return r >= 0 || r == DUET_ENOMEM || r == -EMFILE || r == DUET_EINVAL || r == -EAGAIN ||
	       r == DUET_ECANCELED;
}

static void check(int r)
{
	if (!is_expected(r))
		test_fail(__FILE__, __LINE__, "%s: %s", duet_err_name(r), duet_errmsg());
}

static int fetch_once(void *http)
{
	char url[300];
	duet_http_response out = {0};
	duet_http_request request = {.url = url,
				     .method = "PUT",
				     .headers = (const char *const[]){"A: b", NULL},
				     .body = DUET_STR("body")};
	int r;

	snprintf(url, sizeof(url), "%saway", server->url);
	r = duet_http_fetch(http, &request, &out);
	check(r);
	if (r == 0)
		CHECK_EQ(out.body.len, 10);
	duet_http_response_free(&out);
	return r;
}

static int stream_once(void *http)
{
	duet_http_stream *s = NULL;
	char piece[100];
	int r = duet_http_stream_start(http, &(duet_http_request){.url = server->url}, &s);

	check(r);
	if (r == 0)
		check((int)duet_http_stream_read(s, piece, sizeof(piece)));
	duet_http_stream_close(s);
	return r;
}

static int use_client(void *arg)
{
	duet_http *http =
		duet_http_open(&(duet_http_options){.max_connections = 1, .max_redirects = 1});
	duet_task *tasks[3];

	(void)arg;
	if (http == NULL)
		return -errno;
	tasks[0] = duet_spawn(fetch_once, http);
	tasks[1] = duet_spawn(fetch_once, http);
	tasks[2] = duet_spawn(stream_once, http);
	(void)!duet_settle(tasks, 3, NULL);
	duet_http_close(http);
	return 0;
}

static int run_once(void *arg)
{
	check(duet_run(use_client, arg));
	return 0;
}

static void sweep(int kinds, enum fault_span span, int at_least)
{
	server = server_start(serve, NULL);
	server_url(server, "/");
	run_once(NULL); /* what is set up once is not swept */
	CHECK_GE(fault_sweep(kinds, span, run_once, NULL), at_least);
	server_stop(server);
}

/* Each allocation fails once. */
TEST_WITHIN(http_each_allocation_fails_cleanly, 60)
{
	sweep(FAULT_ALLOC, FAULT_ONCE, 20);
}

/* From each allocation on, all fail. */
TEST_WITHIN(http_allocations_stay_failing_cleanly, 60)
{
	sweep(FAULT_ALLOC, FAULT_FROM_THEN_ON, 20);
}

/* Each descriptor fails once. */
TEST_WITHIN(http_each_descriptor_fails_cleanly, 60)
{
	sweep(FAULT_FD, FAULT_ONCE, 1);
}
