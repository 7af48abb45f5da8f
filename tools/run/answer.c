/* One row on its way: request, what is expected of the reply, post step. */
#include "tools/commands.h"
#include "tools/run/engine.h"

#include <stdlib.h>

enum { DEAD_ROWS_MOST = 8 };

/* --- the request --- */

static int ask(struct engine *e, const struct row *row, struct result *result)
{
	bool is_chat = strcmp(row->path, "/chat/completions") == 0;
	duet_chat chat = {
		.raw_body = DUET_BYTES(row->body, row->body_len),
		.path = is_chat ? NULL : row->path,
		.max_tokens = (int)e->o->max_tokens,
	};
	int r;

	duet_completion_free(&result->answer);
	r = duet_llm_chat(e->llm, &chat, &result->answer);
	result->attempts += result->answer.attempts;
	result_set(result, row_code_of(r, result->answer.status), r < 0 ? duet_errmsg() : NULL);
	if (result->answer.prompt_tokens > 0)
		e->meter.tokens_in += (double)result->answer.prompt_tokens;
	if (result->answer.completion_tokens > 0)
		e->meter.tokens_out += (double)result->answer.completion_tokens;
	return r;
}

static bool is_expected(const struct engine *e, const struct result *result)
{
	duet_bytes text = DUET_BYTES(result->answer.text, result->answer.text_len);

	return e->o->expect != EXPECT_JSON || duet_json_check(text) == 0;
}

static void ask_until_expected(struct engine *e, const struct row *row, struct result *result)
{
	for (long left = e->o->reask;; left--) {
		ask(e, row, result);
		if (result->code != ROW_OK || is_expected(e, result))
			return;
		if (left <= 0)
			break;
	}
	result_set(result, ROW_EXPECT_FAILED, "the reply is not JSON");
}

/* Once for all rows that ask the same. */
static void ask_once(struct engine *e, const struct row *row, struct result *result)
{
	bool is_first = true;
	struct dedup_entry *entry = e->dedup != NULL ? dedup_find(e->dedup, row, &is_first) : NULL;
	int r;

	if (is_first)
		ask_until_expected(e, row, result);
	if (entry != NULL && is_first)
		dedup_answer(e->dedup, entry, result);
	else if (entry != NULL && (r = dedup_wait(e->dedup, entry, result)) < 0)
		result_set(result, ROW_CANCELLED, duet_strerror(r));
}

/* --- the post step --- */

static void post(struct engine *e, const struct row *row, struct result *result)
{
	duet_completion *answer = &result->answer;
	bool has_text = answer->text_len > 0 || strcmp(row->path, "/chat/completions") == 0;
	duet_bytes body = DUET_BYTES(answer->raw.data, answer->raw.len);
	duet_time began = duet_now();
	int r;

	r = post_call(&e->post, e->pool, row->id, row->id_len,
		      has_text ? DUET_BYTES(answer->text, answer->text_len) : body, body,
		      &result->post);
	result->post_time = duet_now() - began;
	spread_add(&e->meter.post, result->post_time);
	if (r >= 0)
		return;
	if (r == DUET_EPOOL)
		engine_stop(e, STOP_NOW, EXIT_INTERNAL, "no worker can be started: %s",
			    result->post.data);
	result_set(result,
		   r == DUET_ECANCELED || r == DUET_ECLOSED || r == DUET_EPOOL ? ROW_CANCELLED
		   : r == DUET_EWORKER                                         ? ROW_WORKER_CRASHED
									       : ROW_POST_FAILED,
		   result->post.data);
	text_free(&result->post);
}

/* --- what it means for the run --- */

/* Rows that failed because nobody answers are kept only while others are answered. */
static bool look_for_silence(struct engine *e, const struct result *result)
{
	if (result->code != ROW_NETWORK || result->answer.status != 0) {
		e->dead_rows = 0;
		return true;
	}
	if (++e->dead_rows < DEAD_ROWS_MOST)
		return true;
	engine_stop(e, STOP_NOW, EXIT_UNREACHABLE, "the endpoint does not answer any more: %s",
		    result->message != NULL ? result->message : "");
	return false;
}

/* -> whether the row counts; else it is as if it had not been asked */
static bool judge(struct engine *e, const struct result *result)
{
	if (result->code == ROW_CANCELLED)
		return false;
	if (result->code == ROW_AUTH || result->code == ROW_QUOTA) {
		engine_stop(e, STOP_NOW, EXIT_REFUSED, "%s", result->message);
		return false;
	}
	return look_for_silence(e, result);
}

static void count(struct engine *e, const struct row *row, const struct result *result)
{
	const struct run_options *o = e->o;
	struct meter *m = &e->meter;
	long most = o->fail_fast ? 1 : o->max_errors;

	m->rows++;
	m->by_code[result->code]++;
	m->attempts += (uint64_t)result->attempts;
	if (result->answer.service_time > 0) {
		spread_add(&m->service, result->answer.service_time);
		spread_add(&m->queue, result->answer.queue_time);
	}
	if (result->code != ROW_OK && e->console.is_verbose)
		console_note(&e->console, "row %.80s (line %zu): %s: %.300s", row->id, row->line,
			     row_code_name(result->code),
			     result->message != NULL ? result->message : "");
	if (most > 0 && meter_failed(m) >= (uint64_t)most)
		engine_stop(e, STOP_DRAIN, EXIT_ROWS, "%llu rows failed",
			    (unsigned long long)meter_failed(m));
	if (o->budget > 0 && meter_cost(m) >= o->budget)
		engine_stop(e, STOP_DRAIN, EXIT_LIMIT, "the budget of %g USD is used up",
			    o->budget);
}

void engine_finish(struct engine *e, const struct row *row, const struct result *result)
{
	struct journal_row end = {
		.index = row->index, .key = row->key, .ok = result->code == ROW_OK};
	struct text line = {0};
	int r;

	if (e->is_broken)
		return;
	result_line(e->o, row, result, &line);
	r = line.is_short ? -ENOMEM : 0;
	if (r == 0 && e->files.has_journal) {
		r = journal_add(&e->files.journal, &end, DUET_BYTES(line.data, line.len));
		if (r < 0)
			e->files.output.failed_name = e->files.journal.path;
	}
	if (r == 0)
		r = output_place(&e->files.output, &end, &line);
	text_free(&line);
	if (r < 0) {
		engine_break(e, r);
		return;
	}
	e->unsynced++;
	duet_event_set(e->dirty);
	duet_event_set(e->filled);
	duet_event_set(e->moved);
	count(e, row, result);
}

int engine_answer(void *arg)
{
	struct engine_row *work = arg;
	struct engine *e = work->engine;
	struct row *row = work->row;
	struct result result = {0};
	duet_time began = duet_now(), answered;
	unsigned lane = record_begin(&e->record);

	free(work);
	if (row->problem != NULL)
		result_set(&result, ROW_INPUT_INVALID, row->problem);
	else
		ask_once(e, row, &result);
	answered = duet_now();
	if (result.code == ROW_OK && e->post.kind != POST_NONE)
		post(e, row, &result);
	if (row->problem != NULL || judge(e, &result))
		engine_finish(e, row, &result);
	record_end(&e->record, lane, row, &result, began, answered);
	result_free(&result);
	row_free(row);
	e->under_way--;
	duet_sem_release(e->free_places);
	return 0;
}
