/* What a request costs: POST of 457 bytes, an answer of 956, over kept connections to a small fast
 * server (its own process), closed loop; or what a token of a paced stream does.  Prints one line of
 * JSON for each round.
 *
 *     bench/http [-c CONCURRENCY] [-n REQUESTS] [-u URL] [-r ROUNDS]
 *     bench/http -s [-c STREAMS] [-u URL] [-r ROUNDS]
 *     bench/http --serve PORT                 the server alone
 *
 * bench/http/run.sh runs other clients against the same server. */
#include "bench/http/server.h"

#include <duet/duet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BODY = 457 };

static duet_http *http;
static const char *url;
static long requests = 100000;
static size_t concurrency = 100;
static int rounds = 3;
static char body[BODY];
static bool streams;
static duet_time worst_lag;

static int post(void *ctx, size_t i)
{
	static const char *const headers[] = {"Content-Type: application/json",
					      "Authorization: Bearer key", NULL};
	duet_http_request request = {
		.url = url, .headers = headers, .body = DUET_BYTES(body, sizeof(body))};
	duet_http_response out = {0};
	int r = duet_http_fetch(http, &request, &out);

	(void)ctx, (void)i;
	if (r == 0 && out.status != 200)
		r = DUET_EHTTP;
	duet_http_response_free(&out);
	return r;
}

/* --- streams --- */

static int read_stream(void *ctx, size_t i)
{
	duet_http_request request = {.url = url, .method = "POST"};
	duet_http_stream *s;
	duet_sse_event e;
	int tokens = 0, r = duet_http_stream_start(http, &request, &s);

	(void)ctx, (void)i;
	if (r < 0)
		return r;
	while ((r = duet_http_stream_sse(s, &e)) > 0) {
		duet_bytes data = DUET_BYTES(e.data, e.len), content;
		char *text;

		if (strcmp(e.data, "[DONE]") == 0)
			continue;
		if ((r = duet_json_check(data)) < 0 ||
		    (r = duet_json_find(data, "choices.0.delta.content", &content)) < 0 ||
		    (r = duet_json_text(content, &text, NULL)) < 0)
			break;
		free(text);
		tokens++;
	}
	duet_http_stream_close(s);
	return r < 0 ? r : tokens == STREAM_TOKENS ? 0 : DUET_EPROTO;
}

/* --- measuring --- */

static int tick(void *arg)
{
	duet_time due = duet_now() + DUET_MS(1);

	(void)arg;
	while (duet_sleep(DUET_MS(1)) == 0) {
		if (duet_now() - due > worst_lag)
			worst_lag = duet_now() - due;
		due = duet_now() + DUET_MS(1);
	}
	return 0;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int measure_streams(void *arg)
{
	int r = 0;

	(void)arg;
	for (int i = 0; r == 0 && i < rounds; i++) {
		double cpu = cpu_seconds(), tokens = (double)concurrency * STREAM_TOKENS;
		duet_time t = duet_now();

		r = duet_map(concurrency, 0, read_stream, NULL, NULL);
		t = duet_now() - t;
		printf("{\"client\":\"duet stream\",\"c\":%zu,\"tok_s\":%.0f,\"cpu_us\":%.2f}\n",
		       concurrency, tokens / ((double)t / 1e9),
		       (cpu_seconds() - cpu) * 1e6 / tokens);
		fflush(stdout);
	}
	if (r < 0)
		fprintf(stderr, "%s: %s\n", duet_err_name(r), duet_errmsg());
	return r;
}

static int measure(void *arg)
{
	struct rusage u;
	duet_task *ticker = duet_spawn(tick, NULL);
	int r = duet_map(concurrency * 4, concurrency, post, NULL, NULL);

	(void)arg;
	for (int i = 0; r == 0 && i < rounds; i++) {
		double cpu = cpu_seconds();
		duet_time t = duet_now();

		worst_lag = 0;
		r = duet_map((size_t)requests, concurrency, post, NULL, NULL);
		t = duet_now() - t;
		cpu = cpu_seconds() - cpu;
		getrusage(RUSAGE_SELF, &u);
		printf("{\"client\":\"duet\",\"c\":%zu,\"req_s\":%.0f,\"cpu_us\":%.2f,"
		       "\"lag_max_ms\":%.2f,\"rss_mib\":%.1f}\n",
		       concurrency, (double)requests / ((double)t / 1e9),
		       cpu * 1e6 / (double)requests, (double)worst_lag / 1e6,
		       (double)u.ru_maxrss / 1024);
		fflush(stdout);
	}
	if (r < 0)
		fprintf(stderr, "%s: %s\n", duet_err_name(r), duet_errmsg());
	duet_cancel_await(ticker);
	return r;
}

int main(int argc, char **argv)
{
	char own[64];
	int port = 0, r;
	pid_t server = 0;

	if (argc > 2 && strcmp(argv[1], "--serve") == 0) {
		port = atoi(argv[2]);
		server_run(server_listen(&port));
	}
	for (int c; (c = getopt(argc, argv, "c:n:u:r:s")) != -1;) {
		if (c == 'c')
			concurrency = strtoul(optarg, NULL, 10);
		else if (c == 'n')
			requests = strtol(optarg, NULL, 10);
		else if (c == 'u')
			url = optarg;
		else if (c == 's')
			streams = true;
		else if (c == 'r')
			rounds = atoi(optarg);
		else
			return 2;
	}
	if (url == NULL) {
		server = server_fork(&port);
		snprintf(own, sizeof(own), "http://127.0.0.1:%d/%s", port,
			 streams ? "stream" : "v1/chat/completions");
		url = own;
	}
	memset(body, ' ', sizeof(body));
	memcpy(body, "{}", 2);
	http = duet_http_open(NULL);
	r = http != NULL ? duet_run(streams ? measure_streams : measure, NULL) : -1;
	duet_http_close(http);
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	return r < 0;
}
