/* duet mock: a test endpoint of its own process. */
#include "tools/args.h"
#include "tools/commands.h"
#include "tools/mock/server.h"

#include <duet/duet.h>
#include <signal.h>
#include <stdio.h>

struct mock_options {
	struct mock_spec spec;
	const char *latency, *faults;
	long port;
};

static const struct arg args[] = {
	{'p', "port", "PORT", ARG_COUNT, offsetof(struct mock_options, port),
	 "port on 127.0.0.1 (0 = any, the default)", 0, 65535},
	{0, "latency", "T", ARG_TEXT, offsetof(struct mock_options, latency),
	 "time to answer, with jitter: 200ms or 200ms\xc2\xb1"
	 "50",
	 0, 0},
	{0, "token-delay", "T", ARG_TIME, offsetof(struct mock_options, spec.token_delay),
	 "time between the words of a stream", 0, 3600},
	{0, "rpm", "N", ARG_REAL, offsetof(struct mock_options, spec.rpm),
	 "requests a minute, above which it answers 429", 0, 1e9},
	{0, "tpm", "N", ARG_REAL, offsetof(struct mock_options, spec.tpm),
	 "prompt tokens a minute, likewise", 0, 1e12},
	{0, "max-inflight", "N", ARG_COUNT, offsetof(struct mock_options, spec.max_inflight),
	 "requests at once, likewise", 0, 1e6},
	{0, "fail", "KIND:P,...", ARG_TEXT, offsetof(struct mock_options, faults),
	 "how often it fails: 429:0.05,500:0.02,reset:0.01", 0, 0},
	{0, "seed", "N", ARG_COUNT, offsetof(struct mock_options, spec.seed),
	 "other answers and other faults, as reproducible", 0, 0},
};

static const struct arg_set set = {
	.command = "duet mock",
	.usage = "[OPTION...]",
	.summary =
		"Serves an OpenAI-compatible endpoint on 127.0.0.1 until it is interrupted.  What "
		"it\nanswers depends on the seed and the request's body only.",
	.args = args,
	.n = sizeof args / sizeof *args,
	.footer = "Kinds of failure: a status from 400 to 599, reset (the connection), stall (no "
		  "answer "
		  "ever),\nbadjson (half an answer), cutsse (half a stream), quota (429 "
		  "insufficient_quota).\n\nEndpoints: /v1/chat/completions (also streamed), "
		  "/v1/embeddings, /v1/models, /stats.",
};

static int serve(void *arg)
{
	static const int signals[] = {SIGINT, SIGTERM};
	const struct mock_options *o = arg;
	struct mock_server *server = mock_server_open(&o->spec, (int)o->port);

	if (server == NULL) {
		fprintf(stderr, "duet mock: cannot listen on port %ld: %s\n", o->port,
			duet_errmsg());
		return EXIT_USAGE;
	}
	duet_inspector_open();
	printf("http://127.0.0.1:%d/v1\n", mock_server_port(server));
	fflush(stdout);
	duet_signal_wait(signals, 2);
	mock_server_close(server);
	return EXIT_DONE;
}

int cmd_mock(int argc, char **argv)
{
	struct mock_options o = {0};
	struct arg_result words;
	int r = args_begin(&set, argc, argv, &o, &words);

	if (r >= 0)
		return r;
	if (o.latency != NULL && !mock_spec_latency(&o.spec, o.latency))
		return fprintf(stderr,
			       "duet mock: --latency wants 200ms or 200ms\xc2\xb1"
			       "50, not '%s'\n",
			       o.latency),
		       EXIT_USAGE;
	if (o.faults != NULL && !mock_spec_faults(&o.spec, o.faults))
		return fprintf(stderr, "duet mock: --fail wants KIND:CHANCE,..., not '%s'\n",
			       o.faults),
		       EXIT_USAGE;
	r = duet_run(serve, &o);
	if (r < 0)
		fprintf(stderr, "duet mock: %s\n", duet_strerror(r));
	return r < 0 ? EXIT_INTERNAL : r;
}
