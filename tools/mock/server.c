#include "tools/mock/server.h"

#include "tools/mock/bucket.h"
#include "tools/mock/reply.h"
#include "tools/mock/wire.h"
#include <duet/duet.h>
#include <math.h>
#include <stdlib.h>

enum { MEMORY = 1 << 16 }; /* bodies whose attempts are counted */

struct mock_server {
	struct mock_spec spec;
	duet_listener *listener;
	duet_task *serving;
	struct bucket requests, tokens;
	long inflight, peak, connections;
	unsigned long received, answered, refused, faults, throttled, repeated;
	double tokens_in, tokens_out;
	struct {
		uint64_t hash;
		uint32_t count;
	} seen[MEMORY];
};

/* One request on its way through the server. */
struct exchange {
	struct mock_server *server;
	struct wire *wire;
	struct mock_question question;
	bool keep_alive;
	uint32_t attempt; /* of this body, from 0 */
	char headers[512];
};

/* --- chance: a function of seed, body and attempt, so that a run can be repeated --- */

static double chance_of(const struct exchange *x, unsigned salt)
{
	uint64_t h = text_mix(x->question.hash + x->attempt * UINT64_C(0x9e3779b97f4a7c15) + salt);

	return (double)(h >> 11) * 0x1p-53;
}

static uint32_t count_attempt(struct mock_server *s, uint64_t hash)
{
	size_t at = hash % MEMORY;

	if (s->seen[at].hash != hash) {
		s->seen[at].hash = hash;
		s->seen[at].count = 0;
	}
	s->repeated += s->seen[at].count > 0;
	return s->seen[at].count++;
}

static int fault_of(const struct exchange *x)
{
	const struct mock_spec *spec = &x->server->spec;
	double chance = chance_of(x, 1);

	for (int i = 0; i < spec->fault_count; i++) {
		if (spec->faults[i].kind == MOCK_CUTSSE && !x->question.is_stream)
			continue;
		if (chance < spec->faults[i].chance)
			return spec->faults[i].kind;
		chance -= spec->faults[i].chance;
	}
	return MOCK_NONE;
}

static duet_time latency_of(const struct exchange *x)
{
	const struct mock_spec *spec = &x->server->spec;

	return spec->latency + (duet_time)((2 * chance_of(x, 2) - 1) * (double)spec->jitter);
}

/* --- headers --- */

static size_t add_limit(const struct exchange *x, size_t n, const char *what, struct bucket *b)
{
	double level = bucket_level(b, duet_now());

	if (b->per_minute == 0)
		return n;
	return n +
	       (size_t)snprintf((char *)x->headers + n, sizeof x->headers - n,
				"x-ratelimit-limit-%s: %.0f\r\nx-ratelimit-remaining-%s: %.0f\r\n"
				"x-ratelimit-reset-%s: %.3fs\r\n",
				what, b->per_minute, what, level > 0 ? floor(level) : 0, what,
				(b->burst - level) / (b->per_minute / 60));
}

static void make_headers(struct exchange *x, duet_time wait)
{
	size_t n = (size_t)snprintf(x->headers, sizeof x->headers,
				    "x-request-id: req_%016llx\r\nopenai-processing-ms: %lld\r\n",
				    (unsigned long long)text_mix(x->question.hash),
				    (long long)(x->server->spec.latency / DUET_MS(1)));

	n = add_limit(x, n, "requests", &x->server->requests);
	n = add_limit(x, n, "tokens", &x->server->tokens);
	if (wait > 0)
		snprintf(x->headers + n, sizeof x->headers - n,
			 "retry-after: %lld\r\nretry-after-ms: %lld\r\n",
			 (long long)(wait / DUET_S(1)) + 1, (long long)(wait / DUET_MS(1)) + 1);
}

/* --- answers --- */

static int refuse(struct exchange *x, int status, const char *message, const char *type,
		  const char *code)
{
	struct text body = {0};
	int r;

	mock_reply_error(message, type, code, &body);
	x->server->refused++;
	r = wire_answer(x->wire, status, x->headers, DUET_BYTES(body.data, body.len),
			x->keep_alive);
	text_free(&body);
	return r;
}

static int refuse_wrong(struct exchange *x, int status, const char *message)
{
	return refuse(x, status, message, "invalid_request_error", NULL);
}

static int throttle(struct exchange *x, const char *what, duet_time wait)
{
	char message[160];

	x->server->throttled++;
	make_headers(x, wait);
	snprintf(message, sizeof message, "Rate limit reached: %s. Please try again in %lld ms.",
		 what, (long long)(wait / DUET_MS(1)) + 1);
	return refuse(x, 429, message, "requests", "rate_limit_exceeded");
}

static int answer_badjson(struct exchange *x)
{
	struct text body = {0};
	int r;

	mock_reply_chat(&x->question, &body);
	r = wire_answer(x->wire, 200, x->headers, DUET_BYTES(body.data, body.len * 2 / 3),
			x->keep_alive);
	text_free(&body);
	return r;
}

static int answer_fault(struct exchange *x, int fault)
{
	x->server->faults++;
	switch (fault) {
	case MOCK_RESET:
		wire_reset(x->wire);
		return -ECONNRESET;
	case MOCK_STALL:
		wire_hang(x->wire);
		return -ETIMEDOUT;
	case MOCK_BADJSON:
		return answer_badjson(x);
	case MOCK_QUOTA:
		return refuse(x, 429, "You exceeded your current quota.", "insufficient_quota",
			      "insufficient_quota");
	case 429:
		return throttle(x, "a fault that was asked for", DUET_MS(20));
	default:
		return refuse(x, fault, "a fault that was asked for",
			      fault >= 500 ? "server_error" : "invalid_request_error", NULL);
	}
}

/* --- streams --- */

static int send_chunk(struct exchange *x, const char *role, const char *part, size_t len,
		      const char *finish)
{
	struct text t = {0};
	int r;

	mock_reply_chunk(&x->question, role, part, len, finish, &t);
	r = t.is_short ? -ENOMEM : wire_piece(x->wire, DUET_BYTES(t.data, t.len));
	text_free(&t);
	return r;
}

/* Word after word; cut, the connection breaks in the middle. */
static int send_words(struct exchange *x, const struct text *words, bool is_cut)
{
	size_t at = 0;
	int r;

	while (at < words->len) {
		size_t n = strcspn(words->data + at, " ");

		n += words->data[at + n] == ' ';
		if (is_cut && at >= words->len / 2)
			return -ECONNRESET;
		if ((r = send_chunk(x, NULL, words->data + at, n, NULL)) < 0)
			return r;
		at += n;
		if (x->server->spec.token_delay > 0 &&
		    (r = duet_sleep(x->server->spec.token_delay)) < 0)
			return r;
	}
	return 0;
}

static int send_end(struct exchange *x, long tokens)
{
	struct text t = {0};
	int r;

	if (x->question.wants_usage)
		mock_reply_usage_chunk(&x->question, tokens, &t);
	text_puts(&t, "data: [DONE]\n\n");
	r = t.is_short ? -ENOMEM : wire_piece(x->wire, DUET_BYTES(t.data, t.len));
	text_free(&t);
	return r < 0 ? r : wire_piece(x->wire, DUET_BYTES("", 0));
}

static int answer_stream(struct exchange *x, bool is_cut)
{
	struct text words = {0};
	long tokens;
	int r;

	mock_reply_words(&x->question, &words, &tokens);
	x->server->tokens_out += (double)tokens;
	r = words.is_short ? -ENOMEM : wire_begin(x->wire, x->headers);
	if (r == 0)
		r = send_chunk(x, "assistant", "", 0, NULL);
	if (r == 0)
		r = send_words(x, &words, is_cut);
	if (r == 0)
		r = send_chunk(x, NULL, NULL, 0, "stop");
	if (r == 0)
		r = send_end(x, tokens);
	text_free(&words);
	return r;
}

static int answer_whole(struct exchange *x)
{
	struct text body = {0};
	duet_bytes count;
	int64_t tokens;
	int r;

	if (x->question.is_embedding)
		mock_reply_embeddings(&x->question, &body);
	else
		mock_reply_chat(&x->question, &body);
	if (!body.is_short &&
	    duet_json_find(DUET_BYTES(body.data, body.len), "usage.completion_tokens", &count) ==
		    0 &&
	    duet_json_int(count, &tokens) == 0)
		x->server->tokens_out += (double)tokens;
	r = body.is_short ? -ENOMEM
			  : wire_answer(x->wire, 200, x->headers, DUET_BYTES(body.data, body.len),
					x->keep_alive);
	text_free(&body);
	return r;
}

/* --- requests --- */

static int answer_in_time(struct exchange *x)
{
	int fault = fault_of(x), r = 0;
	duet_time latency = latency_of(x);

	if (latency > 0 && (r = duet_sleep(latency)) < 0)
		return r;
	make_headers(x, 0);
	if (fault != MOCK_NONE && fault != MOCK_CUTSSE)
		return answer_fault(x, fault);
	r = x->question.is_stream ? answer_stream(x, fault == MOCK_CUTSSE) : answer_whole(x);
	x->server->faults += fault == MOCK_CUTSSE;
	x->server->answered += r == 0;
	return r;
}

static int admit(struct exchange *x)
{
	struct mock_server *s = x->server;
	duet_time now = duet_now(), wait;
	int r;

	if (s->spec.max_inflight > 0 && s->inflight >= s->spec.max_inflight)
		return throttle(x, "too many requests at once", DUET_MS(50));
	if ((wait = bucket_take(&s->tokens, (double)x->question.prompt_tokens, now)) > 0)
		return throttle(x, "tokens per minute", wait);
	if ((wait = bucket_take(&s->requests, 1, now)) > 0)
		return throttle(x, "requests per minute", wait);
	s->tokens_in += (double)x->question.prompt_tokens;
	if (++s->inflight > s->peak)
		s->peak = s->inflight;
	r = answer_in_time(x);
	s->inflight--;
	return r;
}

static int answer_question(struct exchange *x, duet_bytes body, bool is_embedding)
{
	const char *wrong =
		mock_reply_read(&x->question, (uint64_t)x->server->spec.seed, body, is_embedding);

	x->server->received++;
	make_headers(x, 0);
	if (wrong != NULL)
		return refuse_wrong(x, 400, wrong);
	x->attempt = count_attempt(x->server, x->question.hash);
	return admit(x);
}

static int answer_stats(struct exchange *x)
{
	const struct mock_server *s = x->server;
	struct text t = {0};
	int r;

	text_printf(&t,
		    "{\"requests\":%lu,\"answered\":%lu,\"refused\":%lu,\"throttled\":%lu,"
		    "\"faults\":%lu,\"repeated\":%lu,\"inflight\":%ld,\"peak_inflight\":%ld,"
		    "\"connections\":%ld,\"prompt_tokens\":%.0f,\"completion_tokens\":%.0f}",
		    s->received, s->answered, s->refused, s->throttled, s->faults, s->repeated,
		    s->inflight, s->peak, s->connections, s->tokens_in, s->tokens_out);
	r = wire_answer(x->wire, 200, "", DUET_BYTES(t.data, t.len), x->keep_alive);
	text_free(&t);
	return r;
}

static int answer_models(struct exchange *x)
{
	static const char models[] =
		"{\"object\":\"list\",\"data\":[{\"id\":\"mock-1\",\"object\":\"model\","
		"\"created\":"
		"1700000000,\"owned_by\":\"duet\"},{\"id\":\"mock-embedding\",\"object\":\"model\","
		"\"created\":1700000000,\"owned_by\":\"duet\"}]}";

	return wire_answer(x->wire, 200, "", DUET_STR(models), x->keep_alive);
}

static int answer(struct exchange *x, const struct wire_request *request)
{
	bool is_get = strcmp(request->method, "GET") == 0;
	bool is_post = strcmp(request->method, "POST") == 0;

	if (is_get && strcmp(request->path, "/v1/models") == 0)
		return answer_models(x);
	if (is_get && strcmp(request->path, "/stats") == 0)
		return answer_stats(x);
	if (is_post && strcmp(request->path, "/v1/chat/completions") == 0)
		return answer_question(x, request->body, false);
	if (is_post && strcmp(request->path, "/v1/embeddings") == 0)
		return answer_question(x, request->body, true);
	return refuse_wrong(x, 404, "there is no such endpoint here");
}

static int serve_one(struct mock_server *s, struct wire *wire)
{
	struct wire_request request;
	struct exchange x = {.server = s, .wire = wire};
	int r = wire_read(wire, &request);

	if (r <= 0)
		return r < 0 ? r : -EPIPE;
	x.keep_alive = request.keep_alive && r == 1;
	if (r != 1)
		r = refuse_wrong(&x, r, "the request cannot be read");
	else
		r = answer(&x, &request);
	return r < 0 || x.keep_alive ? r : -EPIPE;
}

static int serve_client(void *context, duet_stream *client)
{
	struct mock_server *s = context;
	struct wire wire = {.stream = client};

	s->connections++;
	while (serve_one(s, &wire) >= 0)
		continue;
	wire_free(&wire);
	s->connections--;
	return 0;
}

/* --- life --- */

static int serve_clients(void *server)
{
	struct mock_server *s = server;

	return duet_serve(s->listener, serve_client, s, 0);
}

struct mock_server *mock_server_open(const struct mock_spec *spec, int port)
{
	struct mock_server *s = calloc(1, sizeof *s);
	char url[64];

	if (s == NULL)
		return NULL;
	s->spec = *spec;
	bucket_init(&s->requests, spec->rpm, duet_now());
	bucket_init(&s->tokens, spec->tpm, duet_now());
	snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
	s->listener = duet_listen(url);
	s->serving = s->listener != NULL ? duet_spawn(serve_clients, s) : NULL;
	if (s->serving != NULL)
		return s;
	int saved = errno;
	mock_server_close(s);
	errno = saved;
	return NULL;
}

int mock_server_port(const struct mock_server *s)
{
	return duet_listener_port(s->listener);
}

void mock_server_close(struct mock_server *s)
{
	if (s == NULL)
		return;
	if (s->serving != NULL)
		duet_cancel_await(s->serving);
	duet_listener_close(s->listener);
	free(s);
}
