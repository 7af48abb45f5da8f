/* What the outside costs: streams, connections, helper threads, files, child processes.  Prints one
 * line of JSON; both ends of every stream are in this process, on this loop.
 *
 *     bench/io [what]      what: pingpong pingpong100 bulk connect thread threads32 file spawn, or all
 *
 * io_peers/run.py runs it beside asyncio and Go. */
#include <duet/duet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PINGS = 100000,
	CLIENTS = 100,
	BULK = 1 << 30,
	BLOCK = 64 << 10,
	CONNECTS = 20000,
	THREADED = 50000,
	FILES = 20000,
	SPAWNS = 1000
};

static const char *what = "all";
static duet_listener *listener;
static char path[64];
static int shown;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int ok)
{
	if (!ok) {
		fprintf(stderr, "%s\n", duet_errmsg());
		exit(1);
	}
}

static void show(const char *name, double value)
{
	printf("%s\"%s\": %.4g", shown++ > 0 ? ", " : "{", name, value);
}

static int wanted(const char *name)
{
	return strcmp(what, "all") == 0 || strcmp(what, name) == 0;
}

static int echo(void *context, duet_stream *client)
{
	char line[256];
	ssize_t n;

	(void)context;
	while ((n = duet_stream_readline(client, line, sizeof(line))) > 0)
		if ((n = duet_stream_write(client, line, (size_t)n)) < 0)
			break;
	return (int)n;
}

static int swallow(void *context, duet_stream *client)
{
	char *block = malloc(BLOCK);
	ssize_t n;

	(void)context;
	while ((n = duet_stream_read(client, block, BLOCK)) > 0)
		;
	free(block);
	return (int)n;
}

static int leave(void *context, duet_stream *client)
{
	char c;

	(void)context;
	return (int)duet_stream_read(client, &c, 1);
}

static int serve(void *fn)
{
	duet_serve_fn *handler = *(duet_serve_fn **)fn;

	return duet_serve(listener, handler, NULL, 0);
}

static int ping(void *ctx, size_t i)
{
	size_t each = *(size_t *)ctx;
	duet_stream *s = duet_connect(duet_listener_url(listener));
	char line[64];

	(void)i;
	must(s != NULL);
	for (size_t k = 0; k < each; k++) {
		must(duet_stream_write(s, "sixteen bytes..\n", 16) == 0);
		must(duet_stream_readline(s, line, sizeof(line)) == 16);
	}
	duet_stream_close(s);
	return 0;
}

static int pour(void *ctx, size_t i)
{
	duet_stream *s = duet_connect(duet_listener_url(listener));
	char *block = calloc(1, BLOCK);

	(void)ctx, (void)i;
	must(s != NULL);
	for (size_t sent = 0; sent < BULK; sent += BLOCK)
		must(duet_stream_write(s, block, BLOCK) == 0);
	must(duet_stream_shutdown(s) == 0 && duet_stream_read(s, block, 1) == 0);
	free(block);
	duet_stream_close(s);
	return 0;
}

static int connect_once(void *ctx, size_t i)
{
	duet_stream *s = duet_connect(duet_listener_url(listener));

	(void)ctx, (void)i;
	must(s != NULL);
	duet_stream_close(s);
	return 0;
}

/* -> seconds for n clients, so many at once */
static double with_server(duet_serve_fn *handler, int (*client)(void *ctx, size_t i), void *ctx,
			  size_t n, size_t at_once)
{
	duet_task *server;
	double start;

	must((listener = duet_listen("tcp://127.0.0.1:0")) != NULL);
	server = duet_spawn(serve, &handler);
	start = now();
	must(duet_map(n, at_once, client, ctx, NULL) == 0);
	start = now() - start;
	duet_listener_close(listener);
	must(duet_await(server) == 0);
	return start;
}

static int nothing(void *arg)
{
	return arg != NULL;
}

static int thread_once(void *ctx, size_t i)
{
	(void)ctx, (void)i;
	return duet_to_thread(nothing, NULL);
}

static int read_once(void *ctx, size_t i)
{
	duet_buf text = {0};
	int r = duet_file_read(path, &text);

	(void)ctx, (void)i;
	duet_buf_free(&text);
	return r;
}

static int spawn_once(void *ctx, size_t i)
{
	static const char *const argv[] = {"/bin/true", NULL};
	duet_buf out = {0};
	int r = duet_process_run(&(duet_process_options){.argv = argv}, DUET_BYTES(NULL, 0), &out,
				 NULL);

	(void)ctx, (void)i;
	duet_buf_free(&out);
	return r;
}

static double time_map(size_t n, size_t at_once, int (*fn)(void *ctx, size_t i))
{
	double start = now();

	must(duet_map(n, at_once, fn, NULL, NULL) == 0);
	return now() - start;
}

static void streams(void)
{
	size_t all = PINGS, share = PINGS / CLIENTS;

	if (wanted("pingpong"))
		show("pingpong_us", with_server(echo, ping, &all, 1, 1) / PINGS * 1e6);
	if (wanted("pingpong100"))
		show("pingpong100_us", with_server(echo, ping, &share, CLIENTS, 0) / PINGS * 1e6);
	if (wanted("bulk"))
		show("bulk_gb_s", BULK / 1e9 / with_server(swallow, pour, NULL, 1, 1));
	if (wanted("connect"))
		show("connect_us",
		     with_server(leave, connect_once, NULL, CONNECTS, 50) / CONNECTS * 1e6);
}

static void threads(void)
{
	snprintf(path, sizeof(path), "/tmp/duet-bench-%d", (int)getpid());
	must(duet_file_write(path, DUET_STR("a small file")) == 0);
	if (wanted("thread"))
		show("thread_us", time_map(THREADED, 1, thread_once) / THREADED * 1e6);
	if (wanted("threads32"))
		show("threads32_us", time_map(THREADED, 32, thread_once) / THREADED * 1e6);
	if (wanted("file"))
		show("file_us", time_map(FILES, 32, read_once) / FILES * 1e6);
	unlink(path);
}

static int bench(void *arg)
{
	(void)arg;
	streams();
	threads();
	if (wanted("spawn"))
		show("spawn_us", time_map(SPAWNS, 4, spawn_once) / SPAWNS * 1e6);
	printf("}\n");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		what = argv[1];
	must(duet_run(bench, NULL) >= 0);
	return 0;
}
