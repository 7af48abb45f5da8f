#include "tools/mock/wire.h"

#include <duet/error.h>
#include <duet/scope.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

enum { HEAD_MOST = 64 * 1024, BODY_MOST = 64 * 1024 * 1024 };
#define READ_LIMIT DUET_S(120)

static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {{200, "OK"},
		       {400, "Bad Request"},
		       {401, "Unauthorized"},
		       {403, "Forbidden"},
		       {404, "Not Found"},
		       {405, "Method Not Allowed"},
		       {408, "Request Timeout"},
		       {409, "Conflict"},
		       {413, "Content Too Large"},
		       {429, "Too Many Requests"},
		       {431, "Request Header Fields Too Large"},
		       {500, "Internal Server Error"},
		       {501, "Not Implemented"},
		       {503, "Service Unavailable"}};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Status";
}

/* --- reading --- */

/* -> 1, 0 = the client has gone, < 0 */
static int fill(struct wire *w, size_t want)
{
	while (w->len < want) {
		ssize_t n;

		if (w->size < want + 1) {
			size_t size = want + 1 > 2 * w->size ? want + 1 : 2 * w->size;
			char *in = realloc(w->in, size);

			if (in == NULL)
				return -ENOMEM;
			w->in = in;
			w->size = size;
		}
		n = duet_stream_read(w->stream, w->in + w->len, w->size - 1 - w->len);
		if (n <= 0)
			return (int)n;
		w->len += (size_t)n;
		w->in[w->len] = '\0';
	}
	return 1;
}

struct head {
	size_t len, body_len;
	bool has_length, wants_continue, is_chunked;
};

static int read_head(struct wire *w, struct head *head)
{
	for (;;) {
		char *end = w->len > 0 ? memmem(w->in, w->len, "\r\n\r\n", 4) : NULL;
		int r;

		if (end != NULL) {
			head->len = (size_t)(end - w->in) + 4;
			return head->len <= HEAD_MOST ? 1 : 431;
		}
		if (w->len >= HEAD_MOST)
			return 431;
		if ((r = fill(w, w->len + 1)) <= 0)
			return r;
	}
}

static int parse_line(const char *line, struct wire_request *out)
{
	char version[16];

	if (sscanf(line, "%15[A-Z] %255[^ ?]%*[^ ] %15s", out->method, out->path, version) != 3 &&
	    sscanf(line, "%15[A-Z] %255[^ ] %15s", out->method, out->path, version) != 3)
		return 400;
	if (strncmp(version, "HTTP/1.", 7) != 0 || out->path[0] != '/')
		return 400;
	out->keep_alive = version[7] != '0';
	return 1;
}

static int parse_length(struct head *head, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (head->has_length || digits == 0 ||
	    value[digits + strspn(value + digits, " \t")] != '\r')
		return 400;
	if (digits > 9)
		return 413;
	head->body_len = strtoul(value, NULL, 10);
	head->has_length = true;
	return head->body_len <= BODY_MOST ? 1 : 413;
}

static int parse_field(struct head *head, const char *line, struct wire_request *out)
{
	size_t name = strcspn(line, ":\r");
	const char *value = line + name + 1;

	if (line[name] != ':' || name == 0)
		return 400;
	value += strspn(value, " \t");
	if (name == 14 && strncasecmp(line, "Content-Length", 14) == 0)
		return parse_length(head, value);
	if (name == 17 && strncasecmp(line, "Transfer-Encoding", 17) == 0)
		return 501;
	if (name == 10 && strncasecmp(line, "Connection", 10) == 0 &&
	    strncasecmp(value, "close", 5) == 0)
		out->keep_alive = false;
	if (name == 6 && strncasecmp(line, "Expect", 6) == 0)
		head->wants_continue = true;
	return 1;
}

static int parse_head(const struct wire *w, struct head *head, struct wire_request *out)
{
	const char *line = w->in, *end = w->in + head->len - 2;
	int r = 400;

	if (memchr(w->in, '\0', head->len) != NULL)
		return 400;
	while (line < end) {
		const char *eol = strstr(line, "\r\n");

		r = line == w->in ? parse_line(line, out) : parse_field(head, line, out);
		if (r != 1)
			return r;
		line = eol + 2;
	}
	return r;
}

static int read_request(struct wire *w, struct wire_request *out)
{
	struct head head = {0};
	int r = read_head(w, &head);

	if (r != 1 || (r = parse_head(w, &head, out)) != 1)
		return r;
	if (head.wants_continue && w->len < head.len + head.body_len) {
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

		if ((r = duet_stream_write(w->stream, go_on, sizeof go_on - 1)) < 0)
			return r;
	}
	if ((r = fill(w, head.len + head.body_len)) <= 0)
		return r;
	out->body = DUET_BYTES(w->in + head.len, head.body_len);
	w->used = head.len + head.body_len;
	return 1;
}

int wire_read(struct wire *w, struct wire_request *out)
{
	duet_scope limit;
	int r;

	*out = (struct wire_request){0};
	if (w->used > 0) {
		memmove(w->in, w->in + w->used, w->len - w->used + 1);
		w->len -= w->used;
		w->used = 0;
	}
	if ((r = duet_scope_enter(&limit, READ_LIMIT)) < 0)
		return r;
	r = read_request(w, out);
	return duet_scope_exit(&limit) < 0 ? 0 : r;
}

/* --- writing --- */

int wire_answer(struct wire *w, int status, const char *headers, duet_bytes body, bool keep_alive)
{
	struct text t = {0};
	int r;

	text_printf(&t,
		    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		    "%s%s\r\n",
		    status, reason_of(status), body.len, headers,
		    keep_alive ? "" : "Connection: close\r\n");
	text_add(&t, body.data, body.len);
	r = t.is_short ? -ENOMEM : duet_stream_write(w->stream, t.data, t.len);
	text_free(&t);
	return r;
}

int wire_begin(struct wire *w, const char *headers)
{
	struct text t = {0};
	int r;

	text_printf(&t,
		    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
		    "Transfer-Encoding: chunked\r\n%s\r\n",
		    headers);
	r = t.is_short ? -ENOMEM : duet_stream_write(w->stream, t.data, t.len);
	text_free(&t);
	return r;
}

int wire_piece(struct wire *w, duet_bytes piece)
{
	struct text t = {0};
	int r;

	text_printf(&t, "%zx\r\n", piece.len);
	text_add(&t, piece.data, piece.len);
	text_puts(&t, "\r\n");
	r = t.is_short ? -ENOMEM : duet_stream_write(w->stream, t.data, t.len);
	text_free(&t);
	return r;
}

void wire_reset(struct wire *w)
{
	struct linger at_once = {.l_onoff = 1};

	setsockopt(duet_stream_fd(w->stream), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void wire_hang(struct wire *w)
{
	char waste[512];

	while (duet_stream_read(w->stream, waste, sizeof waste) > 0)
		continue;
}

void wire_free(struct wire *w)
{
	free(w->in);
}
