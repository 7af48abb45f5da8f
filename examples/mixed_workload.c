/* The mixed workload: many prompts go to an LLM server at once, each reply is post-processed on
 * another core, and the results stand in input order.
 *
 *     mixed_workload -n 2000 --concurrency 200 --workers 2
 *
 * The heart of it is mixed_workload/workload.c.  Here is the order in which things must be set up: first
 * the server's process and the pool, which fork, then the client, which may start threads. */
#include "mixed_workload/mock_llm.h"
#include "mixed_workload/options.h"
#include "mixed_workload/report.h"
#include "mixed_workload/workload.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_ROWS = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_SIGNAL = 128 };

struct program {
	struct options options;
	struct rows rows;
	struct mock_llm server;
	struct workload work;
	struct ticker ticker;
	struct report report;
	duet_trace *trace;
};

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "mixed_workload: %s: %s\n", what, why);
	return EXIT_ROWS;
}

static int wait_interrupt(void *arg)
{
	static const int signals[] = {SIGINT, SIGTERM};
	struct report *report = arg;
	int r = duet_signal_wait(signals, 2);

	if (r > 0)
		report->interrupted = r;
	return r;
}

/* Interrupted, the race cancels the work; a second Ctrl-C then meets no handler any more. */
static int run(void *arg)
{
	struct program *p = arg;
	duet_group *watchers = duet_group_open();

	if (watchers == NULL)
		return -ENOMEM;
	duet_inspector_open();
	p->report.started = duet_now();
	duet_group_spawn(watchers, ticker_run, &p->ticker);
	if (!p->options.json && isatty(STDERR_FILENO))
		duet_group_spawn(watchers, report_progress, &p->report);

	duet_task *race[] = {duet_spawn(workload_run, &p->work),
			     duet_spawn(wait_interrupt, &p->report)};
	int r = duet_race(race, 2, NULL);

	p->report.wall = duet_now() - p->report.started;
	duet_group_cancel(watchers);
	duet_group_close(watchers);
	return r;
}

static int load_rows(struct program *p)
{
	const struct options *o = &p->options;
	int r = o->input != NULL ? rows_read(&p->rows, o->input, o->n)
				 : rows_number(&p->rows, o->n);

	if (r < 0) {
		complain(o->input != NULL ? o->input : "prompts", duet_strerror(r));
		return EXIT_USAGE;
	}
	if (p->rows.n == 0) {
		complain(o->input, "there is no prompt in it");
		return EXIT_USAGE;
	}
	return 0;
}

static int open_server(struct program *p)
{
	int r;

	if (p->options.url != NULL)
		return 0;
	r = mock_llm_start(&p->server, p->options.latency);
	if (r < 0)
		return complain("cannot start the embedded server", duet_strerror(r));
	p->options.url = p->server.url;
	return 0;
}

/* Workers step back a little behind the loop, or it would wake late when they keep every core
 * busy. */
static int open_pool(struct program *p)
{
	duet_pool_options options = {
		.workers = (int)p->options.workers,
		.on_worker_start = workload_start_worker,
		.nice = 5,
	};

	if (workload_register() < 0)
		return complain("cannot set up the kernel", duet_errmsg());
	p->work.pool = duet_pool_open(&options);
	return p->work.pool != NULL ? 0 : complain("cannot open the pool", duet_errmsg());
}

static int open_client(struct program *p)
{
	p->work.llm = duet_llm_open(&(duet_llm_options){
		.base_url = p->options.url,
		.api_key = p->server.pid > 0 ? "" : NULL,
		.model = "mock-1",
		.max_concurrent = p->options.concurrency,
		.retries = -1,
	});
	return p->work.llm != NULL ? 0 : complain(p->options.url, duet_errmsg());
}

static int do_work(struct program *p)
{
	duet_run_options options = {0};
	int r;

	p->work.rows = &p->rows;
	p->work.mode = p->options.mode;
	p->work.concurrency = p->options.concurrency;
	p->report.rows = &p->rows;
	if (p->options.trace != NULL) {
		options.trace = duet_trace_write;
		options.trace_context = p->trace = duet_trace_open(p->options.trace);
		if (p->trace == NULL)
			return complain("the trace cannot be written", duet_errmsg());
	}
	r = duet_run_with(&options, run, p);
	if (p->work.unreachable[0] != '\0') {
		complain(p->options.url, p->work.unreachable);
		return EXIT_UNREACHABLE;
	}
	return r < 0 ? complain("the run failed", duet_strerror(r)) : 0;
}

static int close_trace(struct program *p)
{
	duet_trace *trace = p->trace;

	p->trace = NULL;
	return duet_trace_close(trace);
}

static int tell(struct program *p)
{
	p->report.lag = ticker_lag(&p->ticker);
	p->report.memory = memory_of_tree(p->server.pid);
	duet_pool_stats(p->work.pool, &p->report.pool);
	(p->options.json ? report_json : report_summary)(&p->report);
	if (p->options.output != NULL) {
		int r = rows_write(&p->rows, p->options.output);
		if (r < 0)
			return complain(p->options.output, duet_strerror(r));
	}
	if (close_trace(p) < 0)
		return complain(p->options.trace, duet_errmsg());
	if (p->report.interrupted)
		return EXIT_SIGNAL + p->report.interrupted;
	return p->rows.done < p->rows.n ? EXIT_ROWS : EXIT_SUCCESS;
}

/* One connection, one descriptor: room for many, here and in the server. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int run_program(struct program *p)
{
	int (*const steps[])(struct program *) = {load_rows,   open_server, open_pool,
						  open_client, do_work,     tell};
	int status = 0;

	for (size_t i = 0; status == 0 && i < sizeof steps / sizeof *steps; i++)
		status = steps[i](p);
	duet_llm_close(p->work.llm);
	duet_pool_close(p->work.pool);
	mock_llm_stop(&p->server);
	close_trace(p);
	ticker_free(&p->ticker);
	rows_free(&p->rows);
	return status;
}

int main(int argc, char *argv[])
{
	static struct program program;

	switch (options_parse(&program.options, argc, argv)) {
	case OPTIONS_EXIT:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return EXIT_USAGE;
	default:
		raise_descriptor_limit();
		return run_program(&program);
	}
}
