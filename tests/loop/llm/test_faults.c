/* P9: the chat client's own allocations fail, one after the other. */
#include "tests/lib/fault.h"
#include "tests/loop/llm/server.h"

#include <string.h>

static struct server *server;

static void serve(int fd, int nth, void *arg)
{
	struct server_request r;

	(void)nth, (void)arg;
	while (server_take(fd, &r)) {
		if (server_log->requests % 3 == 0)
			server_reply(fd, 429,
				     "retry-after-ms: 1\r\nx-ratelimit-limit-requests: 60000\r\n",
				     "{\"error\":{\"message\":\"slow\",\"code\":\"x\"}}");
		else if (strstr(r.head, "text/event-stream") == NULL)
			say_chat(fd, "hello");
		else
			server_reply(fd, 200, NULL,
				     "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
				     "data: [DONE]\n\n");
	}
}

static int use_client(void *arg)
{
	duet_llm *l = duet_llm_open(&(duet_llm_options){.base_url = server->url,
							.api_key = "k",
							.model = "m",
							.rpm = 100000,
							.tpm = 1e9,
							.seed = 1});
	duet_completion c;

	(void)arg;
	if (l == NULL)
		return -errno;
	(void)!chat(l, &c);
	duet_completion_free(&c);
	(void)!duet_llm_stream(l, &(duet_chat){.prompt = "x", .extra = DUET_STR("{\"a\":1}")}, NULL,
			       NULL, &c);
	duet_completion_free(&c);
	(void)!chat(l, &c);
	duet_completion_free(&c);
	duet_llm_close(l);
	return 0;
}

static int run_once(void *arg)
{
	(void)!duet_run(use_client, arg);
	return 0;
}

static void sweep(enum fault_span span)
{
	server = server_start(serve, NULL);
	server_url(server, "/v1");
	run_once(NULL); /* what is set up once is not swept */
	CHECK_GE(fault_sweep(FAULT_ALLOC, span, run_once, NULL), 30);
	server_stop(server);
}

/* Each allocation fails once. */
TEST_WITHIN(llm_each_allocation_fails_cleanly, 100)
{
	sweep(FAULT_ONCE);
}

/* From each allocation on, all fail. */
TEST_WITHIN(llm_allocations_stay_failing_cleanly, 100)
{
	sweep(FAULT_FROM_THEN_ON);
}
