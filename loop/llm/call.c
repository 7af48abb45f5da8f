#include "loop/llm/client.h"

#include "loop/core/fail.h"
#include "loop/core/park.h"
#include "loop/llm/retry.h"
#include "loop/llm/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* --- what happened --- */

/* Keeps the words of the call that has just failed. */
static void keep_words(duet__call *c)
{
	snprintf(c->words, sizeof(c->words), "%s", duet_errmsg());
}

duet__verdict duet__call_judge_code(duet__call *c, int code)
{
	keep_words(c);
	return (duet__verdict){.code = code, .again = duet__retry_code(code), .pause = -1};
}

static int code_of_status(int status, const char *error_code)
{
	if (strcmp(error_code, "insufficient_quota") == 0 || status == 402)
		return DUET_EQUOTA;
	if (status == 401 || status == 403)
		return DUET_EAUTH;
	if (status == 429)
		return DUET_ERATE;
	if (status >= 500)
		return DUET_ESERVER;
	return DUET_EREQUEST;
}

static duet_time asked_pause(const void *answer, duet__header_fn *header)
{
	duet_time t = duet__retry_after_ms(header(answer, "retry-after-ms"));

	return t >= 0 ? t : duet__retry_after(header(answer, "retry-after"), (int64_t)time(NULL));
}

static bool may_try_again(int status, int code, const char *said)
{
	if (code == DUET_EQUOTA)
		return false;
	if (said != NULL && strcmp(said, "true") == 0)
		return true;
	if (said != NULL && strcmp(said, "false") == 0)
		return false;
	return duet__retry_status(status);
}

duet__verdict duet__call_judge_status(duet__call *c, int status, duet_bytes body,
				      const void *answer, duet__header_fn *header)
{
	char words[220], error_code[64];
	duet__verdict v = {.pause = asked_pause(answer, header)};

	duet__wire_error(body, words, sizeof(words), error_code, sizeof(error_code));
	v.code = code_of_status(status, error_code);
	v.again = may_try_again(status, v.code, header(answer, "x-should-retry"));
	v.throttled = v.code == DUET_ERATE || status == 503 || status == 529;
	if (status >= 300 && status < 400)
		snprintf(words, sizeof(words), "a redirect, which is not followed");
	snprintf(c->words, sizeof(c->words), "the server answered %d%s%s%s%s%s", status,
		 *error_code != '\0' ? " (" : "", error_code, *error_code != '\0' ? ")" : "",
		 *words != '\0' ? ": " : "", words);
	return v;
}

void duet__call_note_headers(duet__call *c, const void *answer, duet__header_fn *header)
{
	duet__pace *p = &c->llm->pace;
	const char *id = header(answer, "x-request-id");

	snprintf(c->out->request_id, sizeof(c->out->request_id), "%s", id != NULL ? id : "");
	duet__pace_learn(p, &p->requests, header(answer, "x-ratelimit-limit-requests"),
			 header(answer, "x-ratelimit-remaining-requests"),
			 header(answer, "x-ratelimit-reset-requests"));
	duet__pace_learn(p, &p->tokens, header(answer, "x-ratelimit-limit-tokens"),
			 header(answer, "x-ratelimit-remaining-tokens"),
			 header(answer, "x-ratelimit-reset-tokens"));
}

/* --- the request --- */

static int make_key(duet__call *c)
{
	const char *own = c->chat->idempotency_key;
	duet__pace *p = &c->llm->pace;

	if (own == NULL) {
		snprintf(c->key_header, sizeof(c->key_header),
			 "Idempotency-Key: duet-%016llx%016llx",
			 (unsigned long long)duet__pace_bits(p),
			 (unsigned long long)duet__pace_bits(p));
		return 0;
	}
	if (strlen(own) > 64 || strpbrk(own, "\r\n") != NULL)
		return duet__failf(DUET_EINVAL,
				   "the idempotency key is over 64 bytes or holds a line end");
	snprintf(c->key_header, sizeof(c->key_header), "Idempotency-Key: %s", own);
	return 0;
}

static int make_url(duet__call *c, bool stream)
{
	const char *path = c->chat->path;

	if (path == NULL)
		return 0;
	if (stream || c->chat->raw_body.len == 0)
		return duet__failf(DUET_EINVAL, ".path wants a .raw_body, and no stream");
	if (*path != '/' || strpbrk(path, "?# \t\r\n") != NULL)
		return duet__failf(DUET_EINVAL, ".path must begin with / and hold no query");
	if (asprintf(&c->url, "%.*s%s", (int)c->llm->base_len, c->llm->url, path) >= 0)
		return 0;
	c->url = NULL;
	return duet__fail(DUET_ENOMEM);
}

static int make_request(duet__call *c, bool stream)
{
	duet_llm *l = c->llm;
	size_t n = 0;
	int r;

	if ((r = make_key(c)) < 0 || (r = make_url(c, stream)) < 0 ||
	    (r = duet__wire_request(c->chat, l->model, stream, &c->body)) < 0)
		return r;
	c->headers[n++] = "Content-Type: application/json";
	c->headers[n++] = stream ? "Accept: text/event-stream" : "Accept: application/json";
	c->headers[n++] = c->key_header;
	if (l->authorization != NULL)
		c->headers[n++] = l->authorization;
	if (l->organization != NULL)
		c->headers[n++] = l->organization;
	if (l->project != NULL)
		c->headers[n++] = l->project;
	c->request = (duet_http_request){
		.method = "POST",
		.url = c->url != NULL ? c->url : l->url,
		.headers = c->headers,
		.body = DUET_BYTES(c->body.data, c->body.len),
		.timeout = l->timeout,
		.stall_timeout = l->timeout, /* silence is how a model thinks */
		.body_stall_timeout = l->stall_timeout,
	};
	/* Four bytes a token is a fair guess; the answer's count corrects it. */
	c->estimate = (double)c->body.len / 4 + c->chat->max_tokens;
	return 0;
}

/* --- attempts --- */

static void settle_tokens(duet__call *c)
{
	const duet_completion *out = c->out;

	if (out->prompt_tokens >= 0 && out->completion_tokens >= 0)
		duet__pace_settle(&c->llm->pace,
				  (double)(out->prompt_tokens + out->completion_tokens) -
					  c->estimate);
}

/* What is forgotten of an attempt when there is another. */
static void reset_out(duet_completion *out)
{
	free(out->text);
	out->text = NULL;
	out->text_len = 0;
	duet_buf_free(&out->raw);
	out->status = 0;
	out->prompt_tokens = out->completion_tokens = -1;
	out->first_token = 0;
	out->finish_reason[0] = out->request_id[0] = '\0';
}

static duet__verdict attempt_once(duet__call *c, duet__verdict (*attempt)(duet__call *c))
{
	duet__pace *p = &c->llm->pace;
	duet__verdict v;

	reset_out(c->out);
	c->text_room = 0;
	c->sent_at = duet_now();
	v = attempt(c);
	c->out->service_time = duet_now() - c->sent_at;
	if (v.code == 0 && c->out->text == NULL && (c->out->text = strdup("")) == NULL) {
		duet__fail(DUET_ENOMEM);
		v = duet__call_judge_code(c, DUET_ENOMEM);
	}
	if (v.code == 0) {
		duet__pace_succeeded(p);
		settle_tokens(c);
	}
	return v;
}

/* -> how long to wait before the next attempt, or -1: there is to be none */
static duet_time plan_next(duet__call *c, const duet__verdict *v, unsigned attempt, int *left)
{
	duet_llm *l = c->llm;
	duet_time pause = v->pause;
	double chance = duet__pace_random(&l->pace);

	if (v->throttled) {
		l->throttled++;
		duet__pace_throttled(&l->pace, c->sent_at, pause > 0 ? pause : 0);
	}
	if (!v->again || pause > l->longest_pause)
		return -1;
	if (v->throttled && l->outlast_throttling) {
		if (duet_now() - c->began > l->longest_pause)
			return -1;
	} else if ((*left)-- <= 0) {
		return -1;
	}
	l->retried++;
	if (pause > 0) /* a little more, or all who were told the same come back at once */
		return pause + (duet_time)(0.1 * chance * (double)pause);
	return duet__retry_backoff(attempt, chance);
}

static int enter(duet__call *c, unsigned attempt)
{
	int r = duet__pace_enter(&c->llm->pace, c->estimate, attempt > 1);

	if (r == DUET_ECLOSED)
		duet__failf(r, "the LLM client was closed");
	else if (r < 0)
		duet__fail(r);
	if (r < 0)
		keep_words(c);
	return r;
}

static int run_attempts(duet__call *c, duet__verdict (*attempt)(duet__call *c))
{
	int left = c->llm->retries;
	duet_time wait = 0;
	duet__verdict v;
	int r;

	for (unsigned i = 1;; i++) {
		if (wait > 0 && (r = duet_sleep(wait)) < 0)
			return r;
		if ((r = enter(c, i)) < 0)
			return r;
		v = attempt_once(c, attempt);
		if (v.code != 0)
			wait = plan_next(c, &v, i, &left);
		duet__pace_leave(&c->llm->pace);
		if (v.code == 0 || wait < 0)
			return v.code;
	}
}

static int run(duet__call *c, bool stream, duet__verdict (*attempt)(duet__call *c))
{
	int r = make_request(c, stream);

	if (r < 0) {
		keep_words(c);
	} else {
		c->began = duet_now();
		r = run_attempts(c, attempt);
		c->out->queue_time = duet_now() - c->began - c->out->service_time;
		if (r < 0)
			c->llm->failed++;
		else
			c->llm->done++;
	}
	duet_buf_free(&c->body);
	free(c->url);
	return r;
}

enum { KEY_PART = 4 };

/* A server may quote the key back; it is not to go on from here. */
static void hide_key(duet__call *c)
{
	const char *header = c->llm->authorization;
	const char *key = header != NULL ? header + strlen("Authorization: Bearer ") : "";
	size_t n = strlen(key);

	if (n == 0)
		return;
	for (char *at = c->words; (at = strstr(at, key)) != NULL;)
		memset(at, '*', n);
	/* and what was cut off within it */
	for (size_t len = strlen(c->words), part = n < len ? n - 1 : len; part >= KEY_PART; part--)
		if (memcmp(c->words + len - part, key, part) == 0)
			memset(c->words + len - part, '*', part);
}

int duet__call_run(duet__call *c, bool stream, duet__verdict (*attempt)(duet__call *c))
{
	duet_llm *l = c->llm;
	int r;

	if (c->out == NULL)
		return duet__failf(DUET_EINVAL, "there is nowhere to put the completion");
	*c->out = (duet_completion){.prompt_tokens = -1, .completion_tokens = -1};
	if ((r = duet__enter()) < 0)
		return r;
	if (l == NULL || c->chat == NULL)
		return duet__failf(DUET_EINVAL, "the LLM client and the chat must not be NULL");
	if (l->closed)
		return duet__failf(DUET_ECLOSED, "the LLM client is closed");
	l->references++;
	r = run(c, stream, attempt);
	hide_key(c);
	duet__llm_unref(l);
	if (r == 0)
		return 0;
	return r != DUET_ECANCELED && c->words[0] != '\0' ? duet__failf(r, "%s", c->words)
							  : duet__fail(r);
}
