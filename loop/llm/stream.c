#include "loop/http/stream.h"
#include "loop/core/fail.h"
#include "loop/llm/client.h"
#include "loop/llm/wire.h"
#include <duet/json.h>
#include <duet/scope.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_BODY_MAX = 65536 };

#define DRAIN_TIME DUET_MS(50)

static const char *header_of(const void *answer, const char *name)
{
	return duet_http_stream_header(answer, name);
}

/* --- an answer that is no success --- */

static duet__verdict judge_status(duet__call *c, duet_http_stream *s)
{
	int status = duet_http_stream_status(s);
	char *body = malloc(ERROR_BODY_MAX + 1);
	size_t len = 0;
	ssize_t n = 1;

	while (body != NULL && len < ERROR_BODY_MAX && n > 0) {
		n = duet_http_stream_read(s, body + len, ERROR_BODY_MAX - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (body != NULL)
		body[len] = '\0';
	duet__verdict v = duet__call_judge_status(c, status, DUET_BYTES(body, len), s, header_of);
	c->out->raw = (duet_buf){.data = body, .len = len};
	return v;
}

/* --- tokens --- */

static int keep_text(duet__call *c, const char *text, size_t n)
{
	duet_completion *out = c->out;
	size_t room = c->text_room == 0 ? 256 : c->text_room;
	char *grown;

	while (room < out->text_len + n + 1)
		room *= 2;
	if (room != c->text_room) {
		grown = realloc(out->text, room);
		if (grown == NULL)
			return duet__fail(DUET_ENOMEM);
		out->text = grown;
		c->text_room = room;
	}
	memcpy(out->text + out->text_len, text, n);
	out->text_len += n;
	out->text[out->text_len] = '\0';
	return 0;
}

static int take_chunk(duet__call *c, const duet_sse_event *e)
{
	char *text;
	size_t n = 0;
	int r = duet__wire_chunk(DUET_BYTES(e->data, e->len), &text, &n, c->out);

	if (r < 0 || text == NULL)
		return r;
	if (n > 0 && c->out->first_token == 0)
		c->out->first_token = duet_now() - c->sent_at;
	r = keep_text(c, text, n);
	if (r == 0 && n > 0 && c->on_token != NULL && (r = c->on_token(c->context, text, n)) < 0)
		duet__fail(r);
	free(text);
	return r < 0 ? r : 0;
}

static bool is_done(const char *data, size_t len)
{
	return len == 6 && memcmp(data, "[DONE]", 6) == 0;
}

/* Some servers leave out the blank line behind the very last event. */
static bool ends_done(duet_http_stream *s)
{
	size_t len;
	const char *rest = duet__stream_sse_rest(s, &len);

	return rest != NULL && is_done(rest, len);
}

/* Reads what follows [DONE], which is the end of the body: then the connection can be used again.
 * Nobody is kept waiting for it. */
static void drain(duet_http_stream *s)
{
	duet_scope scope;
	char rest[256];

	if (duet_scope_enter(&scope, DRAIN_TIME) < 0)
		return;
	while (duet_http_stream_read(s, rest, sizeof(rest)) > 0)
		;
	duet_scope_exit(&scope);
}

static int read_tokens(duet__call *c, duet_http_stream *s)
{
	duet_sse_event e;
	int r;

	while ((r = duet_http_stream_sse(s, &e)) > 0) {
		if (is_done(e.data, e.len)) {
			drain(s);
			return 0;
		}
		if ((r = take_chunk(c, &e)) < 0)
			return r;
	}
	if (ends_done(s))
		return 0;
	return r < 0 ? r : duet__failf(DUET_EPROTO, "the stream ended without [DONE]");
}

static duet__verdict judge_stream(duet__call *c, duet_http_stream *s)
{
	duet__verdict v = {.pause = -1};
	int status = duet_http_stream_status(s);
	int r;

	if (status < 200 || status > 299)
		return judge_status(c, s);
	if ((r = read_tokens(c, s)) == 0)
		return v;
	v = duet__call_judge_code(c, r);
	v.again = v.again && c->out->text_len == 0;
	return v;
}

static duet__verdict attempt(duet__call *c)
{
	duet_http_stream *s;
	duet__verdict v;
	int r = duet_http_stream_start(c->llm->http, &c->request, &s);

	if (r < 0) {
		c->out->attempts += r != DUET_ECANCELED && r != DUET_EINVAL;
		return duet__call_judge_code(c, r);
	}
	c->out->status = duet_http_stream_status(s);
	duet__call_note_headers(c, s, header_of);
	v = judge_stream(c, s);
	c->out->attempts += (int)duet__stream_sends(s);
	duet_http_stream_close(s);
	return v;
}

int duet_llm_stream(duet_llm *l, const duet_chat *chat,
		    int (*on_token)(void *context, const char *text, size_t len), void *context,
		    duet_completion *out)
{
	duet__call c = {
		.llm = l, .chat = chat, .out = out, .on_token = on_token, .context = context};

	return duet__call_run(&c, true, attempt);
}
