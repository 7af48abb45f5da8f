#include "mock_http.h"
#include "mock_reply.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A client is not believed: a head and a body have a size limit, a request has a time limit. */
enum { HEAD_MAX = 16 * 1024, BODY_MAX = 1024 * 1024, INPUT_START = 2048 };
#define REQUEST_LIMIT DUET_S(60)

struct connection {
	duet_stream *stream;
	duet_time latency;
	char *in; /* received and not yet answered, NUL-terminated */
	size_t len, size;
};

struct request {
	const char *method, *path; /* inside connection.in */
	size_t head_len, body_len;
	bool has_length, keep_alive, wants_continue;
};

/* Statuses, and two outcomes of reading a request that have none. */
enum { PARSED = 0, GONE = -1 };

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 411:
		return "Length Required";
	case 413:
		return "Content Too Large";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	default:
		return "Internal Server Error";
	}
}

static int respond(struct connection *c, int status, bool keep_alive, const char *body, size_t len)
{
	char out[MOCK_REPLY_MAX + 256];
	int head = snprintf(out, sizeof out,
			    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
			    "Content-Length: %zu\r\n%s%s\r\n",
			    status, reason(status), len, status == 405 ? "Allow: POST\r\n" : "",
			    keep_alive ? "" : "Connection: close\r\n");

	memcpy(out + head, body, len);
	return duet_stream_write(c->stream, out, (size_t)head + len);
}

static int refuse(struct connection *c, int status, bool keep_alive)
{
	char body[160];
	int len = snprintf(body, sizeof body,
			   "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\","
			   "\"param\":null,\"code\":\"%d\"}}",
			   reason(status), status);

	return respond(c, status, keep_alive, body, (size_t)len);
}

/* Reads until `want` bytes are there.  -> 0, GONE, -ENOMEM, ... */
static int fill(struct connection *c, size_t want)
{
	while (c->len < want) {
		if (c->size < want + 1) {
			size_t size = want + 1 > 2 * c->size ? want + 1 : 2 * c->size;
			char *in = realloc(c->in, size);
			if (in == NULL)
				return -ENOMEM;
			c->in = in;
			c->size = size;
		}
		ssize_t n = duet_stream_read(c->stream, c->in + c->len, c->size - 1 - c->len);
		if (n <= 0)
			return n < 0 ? (int)n : GONE;
		c->len += (size_t)n;
		c->in[c->len] = '\0';
	}
	return 0;
}

/* Reads up to the empty line.  -> PARSED, 431, or as fill */
static int read_head(struct connection *c, size_t *ret_len)
{
	for (;;) {
		char *end = c->len > 0 ? memmem(c->in, c->len, "\r\n\r\n", 4) : NULL;
		if (end != NULL) {
			*ret_len = (size_t)(end + 4 - c->in);
			return *ret_len <= HEAD_MAX ? PARSED : 431;
		}
		if (c->len >= HEAD_MAX)
			return 431;
		int r = fill(c, c->len + 1);
		if (r < 0)
			return r;
	}
}

static int parse_length(struct request *q, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (q->has_length || digits == 0 || value[digits + strspn(value + digits, " \t")] != '\0')
		return 400;
	if (digits > 9)
		return 413;
	q->body_len = strtoul(value, NULL, 10);
	q->has_length = true;
	return q->body_len <= BODY_MAX ? PARSED : 413;
}

static int parse_field(struct request *q, char *line)
{
	char *colon = strchr(line, ':');

	if (colon == NULL || colon == line || isspace((unsigned char)colon[-1]))
		return 400;
	*colon = '\0';
	const char *value = colon + 1 + strspn(colon + 1, " \t");
	if (strcasecmp(line, "Content-Length") == 0)
		return parse_length(q, value);
	if (strcasecmp(line, "Transfer-Encoding") == 0)
		return 501;
	if (strcasecmp(line, "Connection") == 0)
		q->keep_alive = strcasestr(value, "close") == NULL &&
				(q->keep_alive || strcasestr(value, "keep-alive") != NULL);
	if (strcasecmp(line, "Expect") == 0)
		q->wants_continue = strcasecmp(value, "100-continue") == 0;
	return PARSED;
}

static int parse_request_line(struct request *q, char *line)
{
	char *path = strchr(line, ' ');
	char *version = path != NULL ? strchr(path + 1, ' ') : NULL;

	if (version == NULL || strncmp(version, " HTTP/1.", 8) != 0 || path[1] != '/')
		return 400;
	*path = *version = '\0';
	path[1 + strcspn(path + 1, "?")] = '\0';
	q->method = line;
	q->path = path + 1;
	q->keep_alive = version[8] != '0';
	return PARSED;
}

/* Cuts the head into strings in place.  -> PARSED or the status to refuse it with */
static int parse_head(struct connection *c, struct request *q)
{
	char *line = c->in, *end = c->in + q->head_len - 2;
	int r = 400;

	if (memchr(c->in, '\0', q->head_len) != NULL)
		return 400;
	for (bool first = true; line < end; first = false) {
		char *eol = strstr(line, "\r\n");
		*eol = '\0';
		r = first ? parse_request_line(q, line) : parse_field(q, line);
		if (r != PARSED)
			return r;
		line = eol + 2;
	}
	return r;
}

/* -> PARSED with the whole body in c->in behind the head, a status, or a negative number */
static int read_request(struct connection *c, struct request *q)
{
	int r = read_head(c, &q->head_len);

	if (r == PARSED)
		r = parse_head(c, q);
	if (r != PARSED)
		return r;
	if (!q->has_length && strcmp(q->method, "POST") == 0)
		return 411;
	if (q->wants_continue && c->len < q->head_len + q->body_len) {
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
		r = duet_stream_write(c->stream, go_on, sizeof go_on - 1);
		if (r < 0)
			return r;
	}
	/* The head has been cut into pieces that point into c->in, which fill may move. */
	size_t method = (size_t)(q->method - c->in), path = (size_t)(q->path - c->in);
	r = fill(c, q->head_len + q->body_len);
	q->method = c->in + method;
	q->path = c->in + path;
	return r;
}

static int complete(struct connection *c, const struct request *q)
{
	char body[MOCK_REPLY_MAX];
	uint32_t seed;

	if (!mock_reply_seed(c->in + q->head_len, q->body_len, &seed))
		return refuse(c, 400, q->keep_alive);
	int r = duet_sleep(c->latency);
	if (r < 0)
		return r;
	return respond(c, 200, q->keep_alive, body, mock_reply(seed, body));
}

static int answer(struct connection *c, const struct request *q)
{
	if (strcmp(q->path, "/v1/chat/completions") != 0)
		return refuse(c, 404, q->keep_alive);
	if (strcmp(q->method, "POST") != 0)
		return refuse(c, 405, q->keep_alive);
	return complete(c, q);
}

/* Closing with bytes unread would reset the connection, and the answer with it: what the client
 * still sends is read for a while. */
static void linger(struct connection *c)
{
	char waste[4096];
	size_t left = BODY_MAX;
	duet_scope limit;
	ssize_t n;

	if (duet_scope_enter(&limit, DUET_MS(500)) < 0)
		return;
	while (left > 0 && (n = duet_stream_read(c->stream, waste, sizeof waste)) > 0)
		left -= (size_t)n < left ? (size_t)n : left;
	duet_scope_exit(&limit);
}

/* One request and its answer.  -> 1 to go on, 0 to close, or an error */
static int serve_one(struct connection *c)
{
	struct request q = {0};
	duet_scope limit;
	int r = duet_scope_enter(&limit, REQUEST_LIMIT + c->latency);

	if (r < 0)
		return r;
	r = read_request(c, &q);
	if (r == PARSED)
		r = answer(c, &q);
	else if (r > 0 && (r = refuse(c, r, q.keep_alive = false)) == 0)
		linger(c);
	if (duet_scope_exit(&limit) < 0 || r < 0)
		return r;
	size_t used = q.head_len + q.body_len;
	if (!q.keep_alive || used > c->len)
		return 0;
	memmove(c->in, c->in + used, c->len - used + 1);
	c->len -= used;
	return 1;
}

void mock_http_serve(duet_stream *s, duet_time latency)
{
	struct connection c = {.stream = s, .latency = latency};

	while (serve_one(&c) > 0)
		continue;
	free(c.in);
}
