#include "loop/core/fail.h"
#include "loop/http/redirect.h"
#include "loop/http/transfer.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Bytes that a body may hold too much. */
enum { FETCH_SLACK = 4096 };

static int take_body(duet__transfer *x, duet_buf *body)
{
	char *shrunk;

	if (x->body == NULL)
		return duet_buf_copy(body, "", 0);
	x->body[x->body_len] = '\0';
	if (x->body_room - x->body_len > FETCH_SLACK &&
	    (shrunk = realloc(x->body, x->body_len + 1)) != NULL)
		x->body = shrunk;
	*body = (duet_buf){.data = x->body, .len = x->body_len};
	x->body = NULL;
	return 0;
}

static int take_response(duet__transfer *x, duet_http_response *out)
{
	duet_buf body = {0};

	if (take_body(x, &body) < 0)
		return DUET_ENOMEM;
	*out = (duet_http_response){
		.status = x->status,
		.body = body,
		.sends = x->sends,
		.queue_time = x->started_at - x->queued_at,
		.service_time = x->ended_at - x->started_at,
		.headers = x->headers,
		.headers_len = x->headers_len,
	};
	x->headers = NULL;
	return 0;
}

static int run(duet__transfer *x)
{
	DUET__WAITER_EXTERNAL(w, "HTTP response");
	int r;

	x->waiter = &w;
	duet__transfer_submit(x);
	r = duet__park(&w);
	x->waiter = NULL;
	if (r < 0 && !w.done)
		duet__transfer_abort(x, r);
	return x->code;
}

static int fetch_once(duet_http *h, const duet_http_request *request, duet_http_response *out)
{
	duet__transfer x;
	int r;

	if ((r = duet__transfer_init(&x, h, request)) < 0)
		return r;
	r = run(&x);
	if (r == 0)
		r = take_response(&x, out);
	duet__transfer_fini(&x);
	if (r == 0)
		return 0;
	return x.words[0] != '\0' ? duet__failf(r, "%s", x.words) : duet__fail(r);
}

/* One exchange after another, until one of them is no redirect.  last is the response so far. */
static int fetch_on(duet_http *h, const duet_http_request *request, duet_http_response *last)
{
	duet__redirect redirect = {.left = h->options.max_redirects};
	duet_time limit = request->timeout != 0 ? request->timeout : h->options.timeout;
	duet_http_response next;
	int r;

	while ((r = duet__redirect_follow(&redirect, request, last->status,
					  duet_http_header(last, "Location"), last->service_time,
					  limit)) > 0 &&
	       (r = duet__http_attach(h)) == 0 &&
	       (r = fetch_once(h, &redirect.request, &next)) == 0) {
		next.sends += last->sends;
		next.queue_time += last->queue_time;
		next.service_time += last->service_time;
		duet_http_response_free(last);
		*last = next;
	}
	if (r == 0) {
		last->url = redirect.url;
		redirect.url = NULL;
	}
	duet__redirect_fini(&redirect);
	return r;
}

int duet_http_fetch(duet_http *h, const duet_http_request *request, duet_http_response *out)
{
	duet_http_response response = {0};
	int r;

	if ((r = duet__enter()) < 0 || (r = duet__http_attach(h)) < 0)
		return r;
	if (out == NULL)
		return duet__failf(DUET_EINVAL, "there is nowhere to put the response");
	h->references++;
	r = fetch_once(h, request, &response);
	if (r == 0 && h->options.max_redirects > 0)
		r = fetch_on(h, request, &response);
	duet__http_unref(h);
	if (r < 0)
		duet_http_response_free(&response);
	else
		*out = response;
	return r;
}

const char *duet__header_find(const char *headers, size_t len, const char *name)
{
	const char *end = headers + len;

	while (headers < end) {
		const char *value = headers + strlen(headers) + 1;

		if (strcasecmp(headers, name) == 0)
			return value;
		headers = value + strlen(value) + 1;
	}
	return NULL;
}

const char *duet_http_header(const duet_http_response *response, const char *name)
{
	if (response == NULL || response->headers == NULL || name == NULL)
		return NULL;
	return duet__header_find(response->headers, response->headers_len, name);
}

void duet_http_response_free(duet_http_response *response)
{
	if (response == NULL)
		return;
	duet_buf_free(&response->body);
	free(response->headers);
	free(response->url);
	memset(response, 0, sizeof(*response));
}
