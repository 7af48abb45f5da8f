/* The tutorial's statements that reach outside the loop: files, models, other cores, threads; and
 * the rows of its table of when to use what.  What overlaps is shown by counts, not by clocks. */
#include "tests/lib/http_server.h"
#include "tests/lib/run.h"
#include "tests/lib/test.h"

#include <duet/duet.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int ticks;

static int tick(void *arg)
{
	(void)arg;
	while (duet_sleep(DUET_MS(1)) == 0)
		ticks++;
	return 0;
}

static int read_file(void *path, size_t i)
{
	duet_buf text = {0};
	int r = duet_file_read(path, &text);

	(void)i;
	duet_buf_free(&text);
	return r;
}

static int row_1(void *arg)
{
	duet_task *ticker = duet_spawn(tick, NULL);

	(void)arg;
	while (ticks < 10)
		CHECK_OK(duet_map(100, 20, read_file, (void *)"/proc/self/status", NULL));
	duet_cancel_await(ticker);
	return 0;
}

/* A hundred files are read while a ticker goes on ticking. */
TEST(tutorial_01_reading_files_stops_nobody)
{
	CHECK_OK(duet_run(row_1, NULL));
}

static duet_sem *baristas;

/* One who waits for the machine can serve the next guest meanwhile; one who works cannot. */
static int serve(void *ctx, size_t guest)
{
	(void)guest;
	if (ctx != NULL)
		CHECK_OK(duet_sem_acquire(baristas));
	CHECK_OK(duet_sleep(DUET_S(120)));
	return ctx != NULL ? duet_sem_release(baristas) : 0;
}

static int row_2(void *arg)
{
	int *works = arg;
	duet_time start = duet_now();

	baristas = duet_sem_new(works != NULL ? (size_t)*works : 1);
	CHECK_OK(duet_map(10, 0, serve, works, NULL));
	duet_sem_free(baristas);
	return (int)((duet_now() - start) / DUET_S(60));
}

/* Ten guests at two minutes: 2 minutes if serving is waiting, 20 if it is work, 20/n with n workers. */
TEST(tutorial_02_coffee_shop)
{
	int one = 1, two = 2;

	CHECK_EQ(run_virtual(row_2, NULL), 2);
	CHECK_EQ(run_virtual(row_2, &one), 20);
	CHECK_EQ(run_virtual(row_2, &two), 10);
}

static struct server *model;

static void answer_chat(int fd, int nth, void *arg)
{
	struct server_request *r = malloc(sizeof(*r));

	(void)nth;
	while (r != NULL && server_take(fd, r) > 0) {
		if (strstr(r->body, "hang") != NULL)
			server_hang(fd);
		else
			server_reply(fd, 200, "Content-Type: application/json\r\n", arg);
	}
	free(r);
}

static int chat(const char *prompt)
{
	duet_completion c;
	char base[300];
	int r;

	snprintf(base, sizeof(base), "%s", server_url(model, "/v1"));
	duet_llm *llm = duet_llm_open(&(duet_llm_options){.base_url = base, .model = "m"});
	CHECK(llm != NULL);
	r = duet_llm_chat(llm, &(duet_chat){.prompt = prompt}, &c);
	if (r == 0)
		CHECK_STR(c.text, "");
	duet_completion_free(&c);
	duet_llm_close(llm);
	return r;
}

static int row_26(void *arg)
{
	(void)arg;
	return chat("say nothing");
}

static char empty_answer[] =
	"{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\"},"
	"\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":0,"
	"\"total_tokens\":1}}";

/* The code decides: an empty completion is a success. */
TEST(tutorial_26_empty_content_is_a_success)
{
	model = server_start(answer_chat, empty_answer);
	CHECK_OK(duet_run(row_26, NULL));
	server_stop(model);
}

static int ask_hanging(void *arg)
{
	(void)arg;
	return chat("hang");
}

static int row_27(void *arg)
{
	duet_task *t = duet_spawn(ask_hanging, NULL);

	(void)arg;
	while (atomic_load(&model->log->requests) == 0)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	duet_cancel(t);
	CHECK_ERR(duet_await(t), DUET_ECANCELED);
	return 0;
}

/* A call that is cancelled says so: it is no API error. */
TEST(tutorial_27_cancelled_call_is_cancelled)
{
	model = server_start(answer_chat, empty_answer);
	CHECK_OK(duet_run(row_27, NULL));
	server_stop(model);
}

enum { CALLS = 200, AT_ONCE = 50 };

static int under_way, most_under_way;

static int call_model(void *http, size_t i)
{
	duet_http_response answer = {0};
	duet_http_request ask = {.url = model->url, .body = DUET_STR("{}")};
	int r;

	(void)i;
	if (++under_way > most_under_way)
		most_under_way = under_way;
	r = duet_http_fetch(http, &ask, &answer);
	under_way--;
	CHECK_EQ(answer.status, 200);
	duet_http_response_free(&answer);
	return r;
}

static int call_models(void *arg)
{
	duet_http *http = duet_http_open(NULL);

	(void)arg;
	CHECK(http != NULL);
	snprintf(model->url, sizeof(model->url), "http://127.0.0.1:%d/", model->port);
	CHECK_OK(duet_map(CALLS, AT_ONCE, call_model, http, NULL));
	duet_http_close(http);
	return 0;
}

/* Calls to a model: many at once on one thread, over connections that are kept. */
TEST(tutorial_table_llm_calls_share_a_thread_and_connections)
{
	model = server_start(answer_chat, empty_answer);
	CHECK_OK(duet_run(call_models, NULL));
	CHECK_EQ(most_under_way, AT_ONCE);
	CHECK_EQ(atomic_load(&model->log->requests), CALLS);
	CHECK_LE(atomic_load(&model->log->connections), AT_ONCE);
	server_stop(model);
}

static int read_pipe(void *arg)
{
	int fd = *(int *)arg, r = duet_wait_fd(fd, DUET_READ);
	char byte;

	return r < 0 ? r : (int)read(fd, &byte, 1);
}

static int row_files(void *arg)
{
	int fds[2];
	duet_task *reader;

	(void)arg;
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	reader = duet_spawn(read_pipe, &fds[0]);
	CHECK_OK(row_1(NULL));
	CHECK_EQ(duet_done(reader), false);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(duet_await(reader), 1);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* Files go to helper threads, descriptors of other clients to duet_wait_fd. */
TEST(tutorial_table_files_and_descriptors)
{
	CHECK_OK(duet_run(row_files, NULL));
}

static int crash(duet_job *job)
{
	(void)job;
	raise(SIGSEGV);
	return 0;
}

static int spin(duet_job *job)
{
	volatile bool forever = job != NULL;

	while (forever)
		;
	return 0;
}

static int hog(duet_job *job)
{
	(void)job;
	for (size_t i = 0; i < 1024; i++) {
		char *memory = malloc(1 << 20);
		if (memory == NULL)
			return DUET_ENOMEM;
		memset(memory, 1, 1 << 20);
	}
	return 0;
}

static int square(duet_job *job)
{
	int n = *(const int *)duet_job_input(job).data;

	return n * n;
}

static int call_job(void *ctx, size_t i)
{
	static const char *const jobs[] = {"crash", "spin", "hog", "square"};
	duet_call_options o = {.timeout = i % 4 == 1 ? DUET_MS(50) : DUET_FOREVER};
	int n = (int)i;

	return duet_pool_call_with(ctx, &o, jobs[i % 4], DUET_BYTES(&n, sizeof(n)), NULL);
}

static int call_bad_jobs(void *pool)
{
	for (size_t i = 0; i < 12; i++) {
		int r = call_job(pool, i);

		if (i % 4 == 0)
			CHECK_ERR(r, DUET_EWORKER);
		if (i % 4 == 1)
			CHECK_ERR(r, DUET_ETIMEDOUT);
		if (i % 4 == 2 && !test_is_slow()) /* sanitizers know no limit of memory */
			CHECK_ERR(r, DUET_ENOMEM);
		if (i % 4 == 3)
			CHECK_EQ(r, (int)(i * i));
	}
	return 0;
}

static duet_pool *open_pool(void)
{
	CHECK_OK(duet_job_register("crash", crash));
	CHECK_OK(duet_job_register("spin", spin));
	CHECK_OK(duet_job_register("hog", hog));
	CHECK_OK(duet_job_register("square", square));
	duet_pool *pool = duet_pool_open(
		&(duet_pool_options){.workers = 2, .memory_limit = (size_t)512 << 20});
	CHECK(pool != NULL);
	return pool;
}

/* Work for the CPU: a crash, an endless loop and a memory hog each fail alone. */
TEST(tutorial_table_cpu_work_fails_alone)
{
	duet_pool *pool = open_pool();

	CHECK_OK(duet_run(call_bad_jobs, pool));
	CHECK_OK(duet_pool_close(pool));
}

static int overlaps;

/* Half of the rows still wait for their answer while jobs of the others are in the pool. */
static int mixed_row(void *pool, size_t i)
{
	duet_pool_stats_t s;
	int n = (int)i;

	CHECK_OK(duet_sleep(DUET_MS(1 + i % 7)));
	CHECK_OK(duet_pool_stats(pool, &s));
	overlaps += s.running + s.queued > 0;
	return duet_pool_call(pool, "square", DUET_BYTES(&n, sizeof(n)), NULL);
}

static int mixed_rows(void *pool)
{
	int results[500];

	CHECK_OK(duet_map(500, 100, mixed_row, pool, results));
	for (int i = 0; i < 500; i++)
		CHECK_EQ(results[i], i * i);
	return 0;
}

/* Both at once: calls wait on the loop while jobs compute, and results stand in order. */
TEST(tutorial_table_mixed_work_overlaps_in_order)
{
	duet_pool *pool = open_pool();

	CHECK_OK(duet_run(mixed_rows, pool));
	CHECK_GE(overlaps, 1);
	CHECK_OK(duet_pool_close(pool));
}

enum { PAGES = 63 };

static duet_group *crawl;
static bool seen[2 * PAGES + 2];
static int visited;

/* Page n links to pages 2n and 2n + 1. */
static int visit(void *arg)
{
	size_t page = (size_t)arg;

	CHECK_OK(duet_sleep(DUET_MS(1)));
	visited++;
	for (size_t link = 2 * page; link <= 2 * page + 1 && link <= PAGES; link++) {
		if (!seen[link])
			CHECK_OK(duet_group_spawn(crawl, visit, (void *)link));
		seen[link] = true;
	}
	return 0;
}

static int crawl_all(void *arg)
{
	(void)arg;
	crawl = duet_group_open();
	CHECK_OK(duet_group_spawn(crawl, visit, (void *)1));
	return duet_group_close(crawl);
}

/* A crawler is a group that grows while it runs, in straight code. */
TEST(tutorial_table_crawler_is_a_growing_group)
{
	CHECK_OK(run_virtual(crawl_all, NULL));
	CHECK_EQ(visited, PAGES);
}

static sem_t gate;

static int block(void *arg)
{
	(void)arg;
	sem_wait(&gate);
	return 7;
}

static int open_gate_after_ticks(void *arg)
{
	while (*(int *)arg < 5)
		CHECK_OK(duet_sleep(DUET_MS(1)));
	sem_post(&gate);
	return 0;
}

static int call_blocking(void *arg)
{
	duet_task *ticker = duet_spawn(tick, NULL);
	duet_task *opener = duet_spawn(open_gate_after_ticks, &ticks);

	(void)arg;
	CHECK_EQ(duet_to_thread(block, NULL), 7);
	CHECK_GE(ticks, 5);
	CHECK_OK(duet_await(opener));
	duet_cancel_await(ticker);
	return 0;
}

/* A blocking library waits on a helper thread, and the loop goes on. */
TEST(tutorial_table_blocking_library_leaves_the_loop_alive)
{
	sem_init(&gate, 0, 0);
	CHECK_OK(duet_run(call_blocking, NULL));
}
