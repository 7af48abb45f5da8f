#include "workload.h"

#include <stdio.h>
#include <string.h>

/* Worker deaths that a row survives: the kernel has no side effects, so it may run again.  Enough
 * for a machine that kills many; few enough to find a row that is itself the cause. */
enum { RERUNS = 5 };

static int post_process(duet_job *job, enum dk_mode mode)
{
	duet_bytes text = duet_job_input(job);
	char out[DK_RESULT_MAX];
	int len = dk_process(text.data, text.len, mode, out);

	return len < 0 ? len : duet_job_reply(job, out, (size_t)len);
}

static int post_process_heavy(duet_job *job)
{
	return post_process(job, DK_HEAVY);
}

static int post_process_light(duet_job *job)
{
	return post_process(job, DK_LIGHT);
}

int workload_register(void)
{
	int r = duet_job_register("dk1-heavy", post_process_heavy);

	return r < 0 ? r : duet_job_register("dk1-light", post_process_light);
}

int workload_start_worker(void *arg)
{
	(void)arg;
	return dk_init();
}

static void fail_row(struct workload *w, size_t i, const char *what, int code)
{
	char reason[FAILURE_TEXT];

	snprintf(reason, sizeof reason, "%s: %s: %s", what, duet_err_name(code), duet_errmsg());
	rows_fail(w->rows, i, reason);
}

static bool is_unreachable(int code)
{
	switch (code) {
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -EADDRNOTAVAIL:
	case DUET_ETIMEDOUT:
	case DUET_EDNS:
	case DUET_ETLS:
	case -EINVAL:
		return true;
	default:
		return false;
	}
}

/* A server that was never there is one error for the user, not one for each row. */
static int fail_request(struct workload *w, size_t i, int code)
{
	if (code == DUET_ECANCELED)
		return code;
	if (!w->answered && is_unreachable(code)) {
		snprintf(w->unreachable, sizeof w->unreachable, "%s", duet_errmsg());
		return code;
	}
	fail_row(w, i, "request", code);
	return 0;
}

/* The reply is there and paid for: not even Ctrl-C keeps it from being finished. */
static void finish_row(struct workload *w, size_t i, duet_bytes reply)
{
	const char *kernel = w->mode == DK_HEAVY ? "dk1-heavy" : "dk1-light";
	duet_call_options again = {.retries = RERUNS};
	duet_buf result = {0};
	duet_scope shield;
	int r = duet_scope_shield(&shield, DUET_FOREVER);

	if (r == 0) {
		r = duet_pool_call_with(w->pool, &again, kernel, reply, &result);
		if (r < 0)
			fail_row(w, i, "post-processing", r);
		else
			rows_finish(w->rows, i, DUET_BYTES(result.data, result.len));
		duet_buf_free(&result);
		duet_scope_exit(&shield);
	}
}

static int do_row(void *ctx, size_t i)
{
	struct workload *w = ctx;
	char number[ROW_NUMBER_MAX];
	duet_chat chat = {.prompt = rows_prompt(w->rows, i, number)};
	duet_completion reply;
	int r;

	if (w->rows->row[i].state != ROW_OPEN)
		return 0;
	r = duet_llm_chat(w->llm, &chat, &reply);
	w->answered |= reply.status > 0;
	if (r < 0)
		r = fail_request(w, i, r);
	else
		finish_row(w, i, DUET_BYTES(reply.text, reply.text_len));
	duet_completion_free(&reply);
	return r;
}

/* The client holds .max_concurrent requests in flight; twice as many rows are under way, so that
 * those in the pool never keep the wire idle. */
int workload_run(void *arg)
{
	struct workload *w = arg;

	return duet_map(w->rows->n, 2 * w->concurrency, do_row, w, NULL);
}
