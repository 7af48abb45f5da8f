#include "tools/run/engine.h"

#include "tools/commands.h"
#include <stdarg.h>
#include <stdlib.h>

/* --- stopping --- */

void engine_stop(struct engine *e, enum stop_kind kind, int status, const char *format, ...)
{
	va_list list;

	if (!e->is_stopping) {
		e->is_stopping = true;
		e->status = status;
		va_start(list, format);
		vsnprintf(e->why, sizeof e->why, format, list);
		va_end(list);
	}
	if (e->reading != NULL)
		duet_group_cancel(e->reading);
	if (kind == STOP_NOW && e->rows != NULL)
		duet_group_cancel(e->rows);
}

void engine_break(struct engine *e, int code)
{
	const char *name = e->files.output.failed_name;

	if (e->is_broken)
		return;
	e->is_broken = true;
	if (code == -EPIPE && e->files.output.lines.fd == 1)
		engine_stop(e, STOP_NOW, EXIT_CLOSED_PIPE, "nobody reads the output any more");
	else
		engine_stop(e, STOP_NOW, code == -ENOMEM ? EXIT_INTERNAL : EXIT_OUTPUT,
			    "cannot write %s: %s", name != NULL ? name : "the output",
			    duet_strerror(code));
}

/* --- reading --- */

static void refuse_difference(struct engine *e, const struct row *row)
{
	engine_stop(e, STOP_NOW, EXIT_USAGE,
		    "line %zu of %s is not what it was when %s was begun: put it back, or --fresh "
		    "to begin anew",
		    row->line, e->input.name, e->o->output);
}

/* What an earlier run has done needs no request.  -> 1 = done, 0 = to be asked, < 0 */
static int restore(struct engine *e, const struct row *row)
{
	struct journal_row *done;
	struct text none = {0};
	int r;

	switch (resume_look(&e->files.resume, row->index, row->key, &done)) {
	case RESUME_NEW:
		return 0;
	case RESUME_DIFFERS:
		refuse_difference(e, row);
		return DUET_ECANCELED;
	case RESUME_JOURNALLED:
		if ((r = output_place(&e->files.output, done, &none)) < 0) {
			engine_break(e, r);
			return DUET_ECANCELED;
		}
		duet_event_set(e->filled);
		e->unsynced++;
		duet_event_set(e->dirty);
		/* fall through */
	default:
		e->meter.restored++;
		return 1;
	}
}

/* Not further ahead of the oldest unfinished row than the window, and not beyond what may be under
 * way.  -> 0, DUET_ECANCELED */
static int wait_turn(struct engine *e, uint64_t index)
{
	const struct output *o = &e->files.output;
	int r = 0;

	while (r == 0 && !o->unordered && index >= o->next + o->window) {
		duet_event_clear(e->moved);
		r = duet_event_wait(e->moved);
	}
	return r;
}

static int start_row(struct engine *e, struct row *row)
{
	struct engine_row *work;
	int r = duet_sem_acquire(e->free_places);

	if (r < 0)
		return r;
	work = malloc(sizeof *work);
	if (work == NULL)
		return -ENOMEM;
	*work = (struct engine_row){e, row};
	e->under_way++;
	r = duet_group_spawn(e->rows, engine_answer, work);
	if (r < 0) {
		e->under_way--;
		free(work);
	}
	return r;
}

static int take_row(struct engine *e, struct row *row)
{
	int r = wait_turn(e, row->index);

	if (r == 0)
		r = restore(e, row);
	if (r == 0 && (r = start_row(e, row)) == 0)
		return 0;
	row_free(row);
	return r < 0 ? r : 0;
}

static void check_end(struct engine *e)
{
	if (e->o->limit == 0 && e->input.index < e->files.resume.last)
		engine_stop(
			e, STOP_NOW, EXIT_USAGE,
			"%s has %llu rows, but %s was begun with more: put them back, or --fresh "
			"to begin anew",
			e->input.name, (unsigned long long)e->input.index, e->o->output);
}

static int read_rows(void *arg)
{
	struct engine *e = arg;
	uint64_t most = e->o->limit > 0 ? (uint64_t)e->o->limit : UINT64_MAX, n = 0;
	struct row *row;
	int r = 1;

	while (e->input.index < most && (r = input_next(&e->input, &e->rules, &row)) > 0) {
		if ((r = take_row(e, row)) < 0)
			break;
		/* Restored rows cost no wait: the others still want their turn. */
		if (++n % 256 == 0 && (r = duet_yield()) < 0)
			break;
		r = 1;
	}
	if (r == DUET_ECANCELED)
		return 0;
	if (r < 0) {
		engine_stop(e, STOP_DRAIN, r == -ENOMEM ? EXIT_INTERNAL : EXIT_USAGE,
			    "cannot read %s: %s", e->input.name, duet_strerror(r));
		return 0;
	}
	check_end(e);
	return 0;
}

/* --- the endpoint --- */

static int start_mock(struct engine *e)
{
	e->server = mock_server_open(&e->mock, 0);
	if (e->server == NULL) {
		engine_stop(e, STOP_NOW, EXIT_INTERNAL, "cannot start the mock server: %s",
			    duet_errmsg());
		return -1;
	}
	return 0;
}

static int open_client(struct engine *e)
{
	const struct run_options *o = e->o;
	char url[64];
	duet_llm_options options = {
		.base_url = o->base_url,
		.api_key = e->key,
		.max_concurrent = e->jobs,
		.rpm = o->rpm,
		.tpm = o->tpm,
		.retries = o->retries > 0 ? (int)o->retries : -1,
		.outlast_throttling = true,
		.max_retry_after = o->max_retry_after,
		.connect_timeout = o->connect_timeout,
		.timeout = o->timeout,
		.stall_timeout = o->stall,
		.proxy = o->proxy,
		.ca_file = o->ca_file,
		.insecure = o->insecure,
	};

	if (o->mock != NULL) {
		if (start_mock(e) < 0)
			return -1;
		snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", mock_server_port(e->server));
		options.base_url = url;
		options.api_key = "";
		options.proxy = "";
	}
	e->llm = duet_llm_open(&options);
	if (e->llm != NULL)
		return 0;
	engine_stop(e, STOP_NOW, EXIT_USAGE, "%s", duet_errmsg());
	return -1;
}

/* One small request before the first row: a wrong address is told at once, not after retries. */
static bool is_reachable(struct engine *e)
{
	const struct run_options *o = e->o;
	duet_http *http = duet_http_open(&(duet_http_options){.connect_timeout = o->connect_timeout,
							      .proxy = o->proxy,
							      .ca_file = o->ca_file,
							      .insecure = o->insecure});
	duet_http_response answer = {0};
	char url[2048];
	int r = DUET_ENOMEM;

	snprintf(url, sizeof url, "%.*s/models",
		 (int)(strlen(o->base_url) - (o->base_url[strlen(o->base_url) - 1] == '/')),
		 o->base_url);
	for (int i = 0; http != NULL && i < 3 && r < 0 && r != DUET_ECANCELED; i++) {
		duet_http_request probe = {.url = url, .timeout = DUET_S(10)};

		if (i > 0 && (r = duet_sleep(DUET_MS(200) << i)) < 0)
			break;
		r = duet_http_fetch(http, &probe, &answer);
		if (r == DUET_ETLS || r == -EINVAL)
			break;
	}
	/* Slow is not unreachable, and what it says to this question does not matter. */
	if (r < 0 && r != -E2BIG && !e->is_stopping && r != DUET_ETIMEDOUT)
		engine_stop(e, STOP_NOW, EXIT_UNREACHABLE, "cannot reach %s: %s", o->base_url,
			    duet_errmsg());
	duet_http_response_free(&answer);
	duet_http_close(http);
	return !e->is_stopping;
}

/* --- the run --- */

static bool set_up(struct engine *e)
{
	e->free_places = duet_sem_new(e->places);
	e->moved = duet_event_new();
	e->filled = duet_event_new();
	e->dirty = duet_event_new();
	e->writing = duet_mutex_new();
	e->rows = duet_group_open();
	e->reading = duet_group_open();
	e->dedup = e->o->dedup ? calloc(1, sizeof *e->dedup) : NULL;
	if ((!e->o->dedup || e->dedup != NULL) && e->free_places != NULL && e->moved != NULL &&
	    e->filled != NULL && e->dirty != NULL && e->writing != NULL && e->rows != NULL &&
	    e->reading != NULL)
		return true;
	engine_stop(e, STOP_NOW, EXIT_INTERNAL, "no memory");
	return false;
}

static void tear_down(struct engine *e)
{
	if (e->llm != NULL)
		duet_llm_stats(e->llm, &e->llm_stats);
	if (e->pool != NULL)
		duet_pool_stats(e->pool, &e->pool_stats);
	duet_llm_close(e->llm);
	mock_server_close(e->server);
	duet_sem_free(e->free_places);
	duet_event_free(e->moved);
	duet_event_free(e->filled);
	duet_event_free(e->dirty);
	duet_mutex_free(e->writing);
	if (e->dedup != NULL)
		dedup_fini(e->dedup);
	free(e->dedup);
}

/* The groups are closed in this order, so that no row is started any more when the last ends. */
static void work(struct engine *e)
{
	duet_group *watchers = duet_group_open();

	if (watchers == NULL || engine_watch(e, watchers) < 0 ||
	    (e->o->mock == NULL && !is_reachable(e)) ||
	    duet_group_spawn(e->reading, read_rows, e) < 0)
		engine_stop(e, STOP_NOW, EXIT_INTERNAL, "no memory");
	duet_group_close(e->reading);
	e->reading = NULL;
	duet_group_close(e->rows);
	e->rows = NULL;
	if (watchers != NULL)
		duet_group_cancel(watchers);
	duet_group_close(watchers);
}

static int status_of(const struct engine *e)
{
	if (e->is_stopping)
		return e->status;
	if (e->files.output.failed + meter_failed(&e->meter) > 0 && !e->o->allow_failures)
		return EXIT_ROWS;
	return EXIT_DONE;
}

int engine_run(void *arg)
{
	struct engine *e = arg;

	e->meter.started = duet_now();
	duet_inspector_open(); /* for duet ps: without it the run is none the worse */
	if (set_up(e) && open_client(e) == 0) {
		work(e);
		engine_settle(e);
	} else {
		duet_group_close(e->reading);
		duet_group_close(e->rows);
	}
	e->meter.ended = duet_now();
	console_clear(&e->console);
	tear_down(e);
	return status_of(e);
}
