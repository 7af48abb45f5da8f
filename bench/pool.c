/* What a job costs.  Prints one line of JSON.
 *
 *     bench/pool [local|nng] [what]      what: rtt rate map mib1 mib64 copy64 start rss kill, or all */
#include <duet/duet.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 2, RTTS = 5000, RATE_TASKS = 2000, RATE_JOBS = 400000, MAP_JOBS = 400000 };

static duet_pool *pool;
static const char *what = "all";
static double opened; /* seconds */

static int noop(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	return duet_job_reply(job, in.data, in.len);
}

/* Touches one word of each cache line, so that what is measured is transport. */
static int checksum(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	const uint32_t *words = in.data;
	uint64_t sum = 0;
	for (size_t i = 0; i < in.len / 4; i += 16)
		sum += words[i];
	return duet_job_reply(job, &sum, sizeof(sum));
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int wanted(const char *name)
{
	return strcmp(what, "all") == 0 || strcmp(what, name) == 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int must(int r)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", duet_err_name(r), duet_errmsg());
		exit(1);
	}
	return r;
}

static void one(void)
{
	duet_buf out;
	must(duet_pool_call(pool, "noop", DUET_BYTES("12345678", 8), &out));
	duet_buf_free(&out);
}

static void rtt(void)
{
	static double took[RTTS];
	for (int i = 0; i < RTTS; i++) {
		double t = now();
		one();
		took[i] = (now() - t) * 1e6;
	}
	qsort(took, RTTS, sizeof(*took), by_value);
	printf(", \"rtt_p50_us\": %.1f, \"rtt_p99_us\": %.1f", took[RTTS / 2],
	       took[RTTS * 99 / 100]);
}

static int caller(void *arg)
{
	(void)arg;
	for (int i = 0; i < RATE_JOBS / RATE_TASKS; i++)
		one();
	return 0;
}

static void rate(void)
{
	static duet_task *tasks[RATE_TASKS];
	double t = now();
	for (int i = 0; i < RATE_TASKS; i++)
		tasks[i] = duet_spawn(caller, NULL);
	must(duet_gather(tasks, RATE_TASKS, NULL));
	printf(", \"jobs_per_s\": %.0f", RATE_JOBS / (now() - t));
}

static int single(void *ctx, size_t i)
{
	(void)ctx, (void)i;
	one();
	return 0;
}

/* A task for each job, all at once: as an executor is used. */
static void tasks(void)
{
	double t = now();
	must(duet_map(RATE_JOBS, 10000, single, NULL, NULL));
	printf(", \"task_per_job_per_s\": %.0f", RATE_JOBS / (now() - t));
}

static void map(void)
{
	static duet_bytes in[MAP_JOBS];
	static duet_buf out[MAP_JOBS];
	for (int i = 0; i < MAP_JOBS; i++)
		in[i] = DUET_BYTES("12345678", 8);
	must(duet_pool_map(pool, "noop", in, 1000, NULL, NULL));
	double t = now();
	must(duet_pool_map(pool, "noop", in, MAP_JOBS, out, NULL));
	printf(", \"map_per_s\": %.0f", MAP_JOBS / (now() - t));
	for (int i = 0; i < MAP_JOBS; i++)
		duet_buf_free(&out[i]);
}

static duet_bytes payload;

static int send_payload(void *ctx, size_t i)
{
	(void)ctx, (void)i;
	duet_buf out;
	must(duet_pool_call(pool, "checksum", payload, &out));
	duet_buf_free(&out);
	return 0;
}

static void payloads(const char *name, size_t size, size_t n, size_t window, int in_place)
{
	duet_buf buf = {0};
	must(in_place ? duet_pool_alloc(pool, size, &buf) : duet_buf_copy(&buf, NULL, size));
	memset(buf.data, 7, size);
	payload = DUET_BYTES(buf.data, size);
	must(duet_map(4, window, send_payload, NULL, NULL));
	double t = now();
	must(duet_map(n, window, send_payload, NULL, NULL));
	printf(", \"%s_GBps\": %.2f", name, (double)(n * size) / (now() - t) / 1e9);
	duet_buf_free(&buf);
}

static void idle_rss(void)
{
	duet_pool_stats_t s;
	char line[256], path[64];
	unsigned long rss = 0, private = 0, kib;
	must(duet_pool_stats(pool, &s));
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)s.worker_pids[0]);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Rss: %lu", &kib) == 1)
			rss = kib;
		if (sscanf(line, "Private_%*[^:]: %lu", &kib) == 1)
		private += kib;
	}
	if (f != NULL)
		fclose(f);
	printf(", \"idle_rss_mib\": %.2f, \"idle_private_mib\": %.2f", (double)rss / 1024,
	       (double)private / 1024);
}

/* From the kill of the worker under a job to its answer from another. */
static void kill_to_answer(void)
{
	enum { KILLS = 200 };
	static double took[KILLS];
	duet_pool_stats_t s;
	for (int i = 0; i < KILLS; i++) {
		one();
		must(duet_pool_stats(pool, &s));
		double t = now();
		for (size_t w = 0; w < s.workers; w++)
			kill(s.worker_pids[w], SIGKILL);
		must(duet_pool_call_with(pool, &(duet_call_options){.retries = 5}, "noop",
					 DUET_STR("x"), NULL));
		took[i] = (now() - t) * 1e3;
	}
	qsort(took, KILLS, sizeof(*took), by_value);
	printf(", \"kill_to_answer_p50_ms\": %.2f, \"kill_to_answer_p99_ms\": %.2f",
	       took[KILLS / 2], took[KILLS * 99 / 100]);
}

static int body(void *arg)
{
	(void)arg;
	one();
	printf(", \"start_ms\": %.2f", (now() - opened) * 1e3);
	for (int i = 0; i < 200; i++)
		one();
	if (wanted("rss"))
		idle_rss();
	if (wanted("rtt"))
		rtt();
	if (wanted("rate"))
		rate();
	if (wanted("rate"))
		tasks();
	if (wanted("map"))
		map();
	if (wanted("mib1"))
		payloads("mib1", 1 << 20, 2000, 4, 1);
	if (wanted("mib64"))
		payloads("mib64", 64 << 20, 40, 1, 1);
	if (wanted("mib1"))
		payloads("mib1_copied", 1 << 20, 1000, 4, 0);
	if (wanted("copy64"))
		payloads("mib64_copied", 64 << 20, 20, 1, 0);
	if (wanted("kill"))
		kill_to_answer();
	return 0;
}

int main(int argc, char **argv)
{
	duet_pool_options o = {.workers = WORKERS};
	if (argc > 1 && strcmp(argv[1], "nng") == 0)
		o.transport = DUET_TRANSPORT_NNG;
	if (argc > 2)
		what = argv[2];
	must(duet_job_register("noop", noop));
	must(duet_job_register("checksum", checksum));
	opened = now();
	pool = duet_pool_open(&o);
	if (pool == NULL)
		must(-errno);
	printf("{\"transport\": \"%s\"", argc > 1 ? argv[1] : "local");
	must(duet_run(body, NULL));
	puts("}");
	return duet_pool_close(pool) < 0;
}
