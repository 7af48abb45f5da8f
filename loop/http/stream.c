/* A response read as it comes.  curl's callback fills a buffer; the task empties it.  Above FULL
 * bytes curl is told to pause, and the socket's own buffers make the sender wait; below HALF it is
 * told, from the loop, to go on. */
#include "loop/http/stream.h"

#include "loop/core/fail.h"
#include "loop/http/redirect.h"
#include "loop/http/sse.h"
#include "loop/http/transfer.h"
#include <stdlib.h>
#include <string.h>

enum { FULL = 64 * 1024, HALF = FULL / 2 };

struct duet_http_stream {
	duet__transfer x;
	duet_http_request request; /* a copy: the task may be gone before the upload is       */
	char *copies;              /* the strings and the body of request                     */
	const char **headers;
	char *data; /* what came and was not read: len bytes behind head       */
	size_t head, len, room;
	duet__sse sse;
};

/* --- the callbacks' side --- */

void duet__stream_headers_in(duet_http_stream *s)
{
	if (s->x.waiter != NULL)
		duet__wake(s->x.waiter, 0);
}

static bool make_room(duet_http_stream *s, size_t n)
{
	size_t room = s->room == 0 ? 4096 : s->room;
	char *grown;

	if (s->head > 0 && s->head + s->len + n > s->room) {
		memmove(s->data, s->data + s->head, s->len);
		s->head = 0;
	}
	while (room < s->head + s->len + n)
		room *= 2;
	if (room == s->room)
		return true;
	grown = realloc(s->data, room);
	if (grown == NULL)
		return false;
	s->data = grown;
	s->room = room;
	return true;
}

size_t duet__stream_take(duet_http_stream *s, const char *data, size_t n)
{
	if (s->len > 0 && s->len + n > FULL) {
		s->x.paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (!make_room(s, n)) {
		duet__transfer_blame(&s->x, DUET_ENOMEM, "no memory for the stream");
		return CURL_WRITEFUNC_ERROR;
	}
	memcpy(s->data + s->head + s->len, data, n);
	s->len += n;
	s->x.body_len += n;
	if (s->x.waiter != NULL)
		duet__wake(s->x.waiter, 0);
	return n;
}

/* --- open --- */

static size_t copied_size(const duet_http_request *request, size_t *headers)
{
	size_t n = strlen(request->url) + 1 + request->body.len;

	if (request->method != NULL)
		n += strlen(request->method) + 1;
	*headers = 0;
	if (request->headers != NULL)
		for (; request->headers[*headers] != NULL; ++*headers)
			n += strlen(request->headers[*headers]) + 1;
	return n;
}

static char *put_string(char **at, const char *text)
{
	char *start = *at;
	size_t n = strlen(text) + 1;

	memcpy(start, text, n);
	*at += n;
	return start;
}

static int copy_request(duet_http_stream *s, const duet_http_request *request)
{
	size_t headers;
	size_t size = copied_size(request, &headers);
	char *at;

	s->copies = at = malloc(size);
	s->headers = calloc(headers + 1, sizeof(*s->headers));
	if (s->copies == NULL || s->headers == NULL)
		return duet__fail(DUET_ENOMEM);
	s->request = *request;
	s->request.url = put_string(&at, request->url);
	if (request->method != NULL)
		s->request.method = put_string(&at, request->method);
	for (size_t i = 0; i < headers; i++)
		s->headers[i] = put_string(&at, request->headers[i]);
	s->request.headers = s->headers;
	if (request->body.len > 0)
		memcpy(at, request->body.data, request->body.len);
	s->request.body.data = at;
	return 0;
}

static void stream_free(duet_http_stream *s)
{
	if (s == NULL)
		return;
	duet__transfer_fini(&s->x);
	duet__sse_fini(&s->sse);
	free(s->data);
	free(s->copies);
	free(s->headers);
	free(s);
}

/* -> how the transfer ended, if it did not end well */
static int failure(const duet__transfer *x)
{
	if (x->code == 0)
		return 0;
	return x->words[0] != '\0' ? duet__failf(x->code, "%s", x->words) : duet__fail(x->code);
}

static int stream_new(duet_http *h, const duet_http_request *request, duet_http_stream **out)
{
	duet_http_stream *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return duet__fail(DUET_ENOMEM);
	r = duet__transfer_init(&s->x, h, request);
	if (r == 0 && (r = copy_request(s, request)) == 0)
		r = duet__transfer_init(&s->x, h, &s->request); /* its pointers into the copy */
	if (r < 0) {
		stream_free(s);
		return r;
	}
	s->x.stream = s;
	if (request->timeout == 0)
		s->x.timeout = DUET_FOREVER;
	if (request->max_body == 0)
		s->x.max_body = SIZE_MAX;
	*out = s;
	return 0;
}

/* Suspends until there is news.  -> 0, DUET_ECANCELED */
static int await_news(duet_http_stream *s, const char *what)
{
	DUET__WAITER_EXTERNAL(w, what);
	int r;

	s->x.waiter = &w;
	r = duet__park(&w);
	s->x.waiter = NULL;
	return r;
}

static int start_once(duet_http *h, const duet_http_request *request, duet_http_stream **out)
{
	duet_http_stream *s = NULL;
	int r;

	if ((r = stream_new(h, request, &s)) < 0)
		return r;
	h->references++;
	duet__transfer_submit(&s->x);
	while (r == 0 && !s->x.headers_done && s->x.state != DUET__TRANSFER_DONE)
		r = await_news(s, "HTTP response headers");
	if (r == 0 && !s->x.headers_done)
		r = failure(&s->x);
	if (r < 0) {
		duet_http_stream_close(s);
		return r;
	}
	*out = s;
	return 0;
}

/* One stream after another, until one of them is no redirect.  -> 0, or the error; *s is then closed */
static int start_on(duet_http *h, const duet_http_request *request, duet_http_stream **s)
{
	duet__redirect redirect = {.left = h->options.max_redirects};
	duet_time limit = request->timeout != 0 ? request->timeout : DUET_FOREVER;
	duet_http_stream *last = *s;
	int r;

	while ((r = duet__redirect_follow(&redirect, request, last->x.status,
					  duet_http_stream_header(last, "Location"),
					  duet_now() - last->x.started_at, limit)) > 0) {
		duet_http_stream_close(last);
		last = NULL;
		if ((r = duet__http_attach(h)) < 0 ||
		    (r = start_once(h, &redirect.request, &last)) < 0)
			break;
	}
	duet__redirect_fini(&redirect);
	if (r < 0)
		duet_http_stream_close(last);
	*s = last;
	return r;
}

int duet_http_stream_start(duet_http *h, const duet_http_request *request, duet_http_stream **out)
{
	duet_http_stream *s = NULL;
	int r;

	if ((r = duet__enter()) < 0 || (r = duet__http_attach(h)) < 0 ||
	    (r = start_once(h, request, &s)) < 0)
		return r;
	if (h->options.max_redirects > 0) {
		h->references++; /* between two streams nobody else may hold it */
		r = start_on(h, request, &s);
		duet__http_unref(h);
	}
	if (r == 0)
		*out = s;
	return r;
}

duet_http_stream *duet_http_stream_open(duet_http *h, const duet_http_request *request)
{
	duet_http_stream *s = NULL;
	int r = duet_http_stream_start(h, request, &s);

	if (r < 0)
		errno = r > -4000 ? -r : EIO;
	return s;
}

/* --- read --- */

/* After bytes were read: whether the sender may go on. */
static void reopen(duet_http_stream *s)
{
	duet__transfer *x = &s->x;

	if (!x->paused || s->len > HALF || x->state != DUET__TRANSFER_RUNNING ||
	    !duet__list_is_empty(&x->resume))
		return;
	duet__list_append(&x->http->resuming, &x->resume);
	duet__hook_arm(x->http->loop, &x->http->hook);
}

static void consume(duet_http_stream *s, size_t n)
{
	s->head += n;
	s->len -= n;
	if (s->len == 0)
		s->head = 0;
	reopen(s);
}

/* Suspends until there are bytes.  -> 1, 0 = the end, or an error */
static int fill(duet_http_stream *s)
{
	int r;

	while (s->len == 0 && s->x.state != DUET__TRANSFER_DONE)
		if ((r = await_news(s, "HTTP stream")) < 0)
			return duet__fail(r);
	if (s->len > 0)
		return 1;
	return failure(&s->x);
}

ssize_t duet_http_stream_read(duet_http_stream *s, void *buf, size_t n)
{
	int r;

	if ((r = duet__enter()) < 0)
		return r;
	if (s == NULL || (buf == NULL && n > 0))
		return duet__failf(DUET_EINVAL, "the stream and the buffer must not be NULL");
	if (n == 0 || (r = fill(s)) <= 0)
		return n == 0 ? 0 : r;
	if (n > s->len)
		n = s->len;
	memcpy(buf, s->data + s->head, n);
	consume(s, n);
	return (ssize_t)n;
}

int duet_http_stream_sse(duet_http_stream *s, duet_sse_event *out)
{
	size_t used = 0;
	int r;

	if ((r = duet__enter()) < 0)
		return r;
	if (s == NULL || out == NULL)
		return duet__failf(DUET_EINVAL, "the stream and the event must not be NULL");
	while ((r = fill(s)) > 0) {
		r = duet__sse_feed(&s->sse, s->data + s->head, s->len, &used, out);
		if (r < 0)
			return duet__failf(r, "an event of the stream is too large");
		consume(s, used);
		if (r > 0)
			return 1;
	}
	if (r == 0 && !duet__sse_is_between(&s->sse))
		return duet__failf(DUET_EPROTO, "the stream ends inside an event");
	return r;
}

/* --- the rest --- */

int duet_http_stream_status(const duet_http_stream *s)
{
	return s != NULL ? s->x.status : DUET_EINVAL;
}

const char *duet_http_stream_header(const duet_http_stream *s, const char *name)
{
	if (s == NULL || s->x.headers == NULL || name == NULL)
		return NULL;
	return duet__header_find(s->x.headers, s->x.headers_len, name);
}

unsigned duet__stream_sends(const duet_http_stream *s)
{
	return s->x.sends;
}

const char *duet__stream_sse_rest(const duet_http_stream *s, size_t *len)
{
	const duet__sse *p = &s->sse;

	if (p->given || p->line.len > 0 || p->data.len == 0)
		return NULL;
	*len = p->data.len - 1; /* without its '\n' */
	return p->data.data;
}

void duet_http_stream_close(duet_http_stream *s)
{
	duet_http *h;

	if (s == NULL)
		return;
	h = s->x.http;
	duet__transfer_abort(&s->x, DUET_ECANCELED);
	stream_free(s);
	duet__http_unref(h);
}
