#include "loop/http/transfer.h"

#include "loop/core/fail.h"
#include "loop/core/trace.h"
#include "loop/http/handle.h"
#include "loop/http/request.h"
#include "loop/http/shard.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO(state) (1u << DUET__TRANSFER_##state)

static void move(duet__transfer *x, duet__transfer_state to)
{
	static const unsigned next[] = {
		[DUET__TRANSFER_NEW] = TO(QUEUED) | TO(STARTING) | TO(DONE),
		[DUET__TRANSFER_QUEUED] = TO(STARTING) | TO(DONE),
		[DUET__TRANSFER_STARTING] = TO(RUNNING) | TO(DONE),
		[DUET__TRANSFER_RUNNING] = TO(QUEUED) | TO(DONE),
		[DUET__TRANSFER_DONE] = 0,
	};

	(void)next;
	assert(next[x->state] & 1u << to);
	x->state = to;
}

static int check_request(const duet_http_request *request, duet__url *url)
{
	const char *why;

	if (request == NULL || request->url == NULL)
		return duet__failf(DUET_EINVAL, "the request has no URL");
	if ((why = duet__url_parse(request->url, url)) != NULL)
		return duet__failf(DUET_EINVAL, "the URL cannot be used: %s", why);
	if (request->method != NULL && (why = duet__request_check_method(request->method)) != NULL)
		return duet__failf(DUET_EINVAL, "%s", why);
	if (request->body.len > 0 && request->body.data == NULL)
		return duet__failf(DUET_EINVAL, "the body has a length but no bytes");
	if (request->headers == NULL)
		return 0;
	for (const char *const *line = request->headers; *line != NULL; line++)
		if ((why = duet__request_check_header(*line)) != NULL)
			return duet__failf(DUET_EINVAL, "%s", why);
	return 0;
}

int duet__transfer_init(duet__transfer *x, duet_http *h, const duet_http_request *request)
{
	const duet_http_options *o = &h->options;
	int r;

	memset(x, 0, offsetof(duet__transfer, words));
	if ((r = check_request(request, &x->url)) < 0)
		return r;
	x->words[0] = '\0';
	x->waiter = NULL;
	x->http = h;
	x->request = request;
	x->timer.fire = duet__transfer_on_deadline;
	x->timer.flags = DUET__TIMER_LATE;
	x->timeout = request->timeout != 0 ? request->timeout : o->timeout;
	x->connect_timeout =
		request->connect_timeout != 0 ? request->connect_timeout : o->connect_timeout;
	x->stall_timeout = request->stall_timeout != 0 ? request->stall_timeout : o->stall_timeout;
	x->max_body = request->max_body != 0 ? request->max_body : o->max_body;
	duet__list_init(&x->node);
	duet__list_init(&x->resume);
	return 0;
}

void duet__transfer_fini(duet__transfer *x)
{
	free(x->headers);
	free(x->body);
	x->headers = x->body = NULL;
}

/* --- ends --- */

/* Takes x out of curl. */
static void unplug(duet__transfer *x)
{
	curl_multi_remove_handle(x->shard->multi, x->handle->easy);
	duet__list_remove(&x->node);
	duet__list_remove(&x->resume);
	x->shard->active--;
	/* curl counts resends over a handle's whole life, and gives up after five. */
	if (x->sends > 1)
		duet__handle_free(x->handle);
	else
		duet__handle_give(x->handle);
	x->handle = NULL;
	x->shard = NULL;
}

/* The query stays out of traces: there are keys in queries. */
static void trace(const duet__transfer *x)
{
	char name[256];

	if (!duet_trace_is_on())
		return;
	snprintf(name, sizeof(name), "%s %.*s:%u%.*s", duet__request_method(x->request),
		 (int)x->url.host_len, x->url.host, x->url.port, (int)strcspn(x->url.path, "?#"),
		 x->url.path);
	duet__trace(&(duet_span){
		.kind = "http",
		.name = name,
		.detail = x->words[0] != '\0' ? x->words : NULL,
		.queued = x->queued_at,
		.begin = x->started_at != 0 ? x->started_at : x->ended_at,
		.end = x->ended_at,
		.track = x->track,
		.result = x->code < 0 ? x->code : x->status,
	});
}

void duet__transfer_end(duet__transfer *x, int code)
{
	duet_http *h = x->http;

	x->ended_at = x->state == DUET__TRANSFER_RUNNING && x->shard->now != 0 ? x->shard->now
									       : duet_now();
	if (x->state == DUET__TRANSFER_RUNNING)
		unplug(x);
	else if (x->state == DUET__TRANSFER_STARTING)
		duet__list_remove(&x->node);
	if (x->host != NULL)
		duet__line_leave(x);
	duet__timer_stop(h->loop, &x->timer);
	move(x, DUET__TRANSFER_DONE);
	x->code = code;
	if (code == 0)
		h->done++;
	else
		h->failed++;
	if (code == 0 && h->limit < h->options.max_connections)
		h->limit++;
	if (x->sends > 1)
		h->resent += x->sends - 1;
	trace(x);
	duet__line_advance(h);
	if (x->waiter != NULL)
		duet__wake(x->waiter, 0);
}

void duet__transfer_endf(duet__transfer *x, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(x->words, sizeof(x->words), format, args);
	va_end(args);
	duet__transfer_end(x, code);
}

void duet__transfer_blame(duet__transfer *x, int code, const char *format, ...)
{
	va_list args;

	if (x->code != 0)
		return;
	x->code = code;
	va_start(args, format);
	vsnprintf(x->words, sizeof(x->words), format, args);
	va_end(args);
}

/* Waits for a descriptor: for one that a request under way gives back, else for those of idle
 * connections.  -> false: there are none to hope for */
static bool wait_for_descriptor(duet__transfer *x)
{
	duet_http *h = x->http;
	size_t running = 0;

	if (!x->out_of_fds || x->sends > 0 || x->code != 0)
		return false;
	for (size_t i = 0; i < h->shard_count; i++)
		running += h->shards[i]->active;
	if (running < 2 && h->open_sockets == 0)
		return false;
	unplug(x);
	x->out_of_fds = false;
	duet__line_return(x);
	move(x, DUET__TRANSFER_QUEUED);
	h->limit = running < 2 ? 1 : running - 1;
	h->is_crowded = running < 2;
	duet__line_advance(h);
	return true;
}

void duet__transfer_finished(duet__transfer *x, CURLcode result)
{
	if (result == CURLE_OK && !x->headers_done) /* curl lets that pass */
		duet__transfer_blame(x, DUET_EPROTO,
				     "%.*s:%u closed the connection within the headers",
				     (int)x->url.host_len, x->url.host, x->url.port);
	if (result == CURLE_OK && x->code == 0) {
		duet__transfer_end(x, 0);
		return;
	}
	if (wait_for_descriptor(x))
		return;
	duet__failure_set(x, result);
	duet__transfer_end(x, x->code);
}

/* --- beginnings --- */

void duet__transfer_submit(duet__transfer *x)
{
	int r;

	x->queued_at = duet_now();
	x->track = duet__trace_track();
	r = duet__line_enter(x);
	if (r < 0) {
		duet__transfer_endf(x, r, "no memory for a request");
	} else if (r > 0) {
		duet__transfer_start(x);
	} else {
		move(x, DUET__TRANSFER_QUEUED);
		duet__transfer_rearm(x);
	}
}

void duet__transfer_start(duet__transfer *x)
{
	move(x, DUET__TRANSFER_STARTING);
	x->started_at = x->moved_at = duet_now();
	duet__list_append(&x->http->starting, &x->node);
	duet__hook_arm(x->http->loop, &x->http->hook);
	duet__transfer_rearm(x);
}

static const char *plug(duet__transfer *x)
{
	CURLMcode m;

	if ((x->shard = duet__shard_pick(x->http)) == NULL)
		return "no memory for a connection pool";
	if ((x->handle = duet__handle_take(x)) == NULL)
		return "no memory for a curl handle";
	m = curl_multi_add_handle(x->shard->multi, x->handle->easy);
	if (m == CURLM_OK)
		return NULL;
	duet__handle_give(x->handle);
	return curl_multi_strerror(m);
}

void duet__transfer_run(duet__transfer *x)
{
	const char *why;

	duet__list_remove(&x->node);
	if (x->code == 0 && (why = plug(x)) != NULL)
		duet__transfer_blame(x, DUET_ENOMEM, "%s", why);
	if (x->code != 0) {
		duet__transfer_end(x, x->code);
		return;
	}
	move(x, DUET__TRANSFER_RUNNING);
	duet__list_append(&x->shard->running, &x->node);
	x->shard->active++;
	x->shard->kick = true;
}

/* --- from a task --- */

struct abort {
	duet__transfer *x;
	int code;
};

static void abort_on_loop_stack(void *arg)
{
	struct abort *a = arg;

	duet__transfer_end(a->x, a->code);
}

void duet__transfer_abort(duet__transfer *x, int code)
{
	struct abort a = {x, code};

	if (x->state == DUET__TRANSFER_NEW || x->state == DUET__TRANSFER_DONE)
		return;
	x->waiter = NULL;
	if (x->state == DUET__TRANSFER_RUNNING)
		duet__on_loop_stack(abort_on_loop_stack, &a);
	else
		duet__transfer_end(x, code);
}
