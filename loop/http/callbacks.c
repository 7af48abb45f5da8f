/* What curl tells about a transfer.  Nothing here enters curl again: it notes, and at most makes a
 * task ready, which runs once curl has returned. */
#include "loop/http/handle.h"
#include "loop/http/shard.h"
#include "loop/http/stream.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEADERS_MAX = 256 * 1024, FIRST_ROOM = 4096, TRUSTED_LENGTH = 1024 * 1024 };

/* A usable connection is there; the request goes out.  Again, if the connection turns out dead. */
static int on_send(void *context, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	duet__transfer *x = ((duet__handle *)context)->transfer;

	(void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
	x->sends++;
	x->moved_at = duet__shard_now(x->shard);
	duet__transfer_rearm(x);
	return CURL_PREREQFUNC_OK;
}

/* --- headers --- */

static bool keep_headers(duet__transfer *x, size_t more)
{
	size_t room = x->headers_room == 0 ? 512 : x->headers_room;
	char *grown;

	while (room < x->headers_len + more)
		room *= 2;
	if (room == x->headers_room)
		return true;
	grown = realloc(x->headers, room);
	if (grown == NULL)
		return false;
	x->headers = grown;
	x->headers_room = room;
	return true;
}

static void keep(duet__transfer *x, const char *text, size_t n)
{
	memcpy(x->headers + x->headers_len, text, n);
	x->headers_len += n;
	x->headers[x->headers_len++] = '\0';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool has_body(const duet__transfer *x)
{
	const char *method = x->request->method;

	return x->status != 304 && (method == NULL || strcmp(method, "HEAD") != 0);
}

static void blame_size(duet__transfer *x)
{
	duet__transfer_blame(x, DUET_E2BIG, "the body is larger than %zu bytes", x->max_body);
}

/* Once, or the same again, and a number: where the lengths of an answer are in doubt, so is where the
 * next one begins.  One beyond the cap, or beyond all numbers, is refused before the first byte. */
static bool take_length(duet__transfer *x, const char *value, size_t n)
{
	size_t length = 0, at = 0;
	bool is_huge = false;

	for (; at < n && value[at] >= '0' && value[at] <= '9'; at++)
		is_huge |= __builtin_mul_overflow(length, 10, &length) ||
			   __builtin_add_overflow(length, (size_t)(value[at] - '0'), &length);
	if (n == 0 || at < n || (x->has_length && length != x->length)) {
		duet__transfer_blame(x, DUET_EPROTO, "%.*s answers with %s", (int)x->url.host_len,
				     x->url.host,
				     at < n || n == 0 ? "a Content-Length that is no number"
						      : "two different lengths");
		return false;
	}
	x->has_length = true;
	x->length = length;
	if ((!is_huge && length <= x->max_body) || !has_body(x))
		return true;
	blame_size(x);
	return false;
}

/* "Name: value\r\n" to "Name\0value\0".  Lines without a colon, with a NUL, or that go on with the
 * line before (which nobody may send any more) are no headers. */
static bool keep_header(duet__transfer *x, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	const char *end = line + n;
	const char *value;

	if (colon == NULL || is_space(line[0]) || memchr(line, '\0', n) != NULL)
		return true;
	for (value = colon + 1; value < end && is_space(*value); value++)
		;
	while (end > value && is_space(end[-1]))
		end--;
	if (colon - line == 14 && strncasecmp(line, "Content-Length", 14) == 0 &&
	    !take_length(x, value, (size_t)(end - value)))
		return false;
	if (!keep_headers(x, (size_t)(colon - line) + (size_t)(end - value) + 2))
		return false;
	keep(x, line, (size_t)(colon - line));
	keep(x, value, (size_t)(end - value));
	return true;
}

static void begin_headers(duet__transfer *x, const char *line, size_t n)
{
	const char *space = memchr(line, ' ', n);

	x->headers_len = 0;
	x->has_length = false;
	x->status = space != NULL ? atoi(space + 1) : 0;
}

/* 1xx is not the answer yet. */
static void end_headers(duet__transfer *x)
{
	if (x->status < 200)
		return;
	x->headers_done = true;
	if (x->request->body_stall_timeout != 0) {
		x->stall_timeout = x->request->body_stall_timeout;
		duet__transfer_rearm(x);
	}
	if (x->stream != NULL)
		duet__stream_headers_in(x->stream);
}

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
	duet__transfer *x = ((duet__handle *)context)->transfer;

	(void)size;
	x->moved_at = duet__shard_now(x->shard);
	x->headers_seen += n;
	if (x->headers_seen > HEADERS_MAX) {
		duet__transfer_blame(x, DUET_EPROTO, "the headers of %.*s go beyond 256 KiB",
				     (int)x->url.host_len, x->url.host);
		return CURL_WRITEFUNC_ERROR;
	}
	if (x->headers_done) /* a trailer */
		return n;
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		begin_headers(x, line, n);
	} else if (n > 0 && (line[0] == '\r' || line[0] == '\n')) {
		end_headers(x);
	} else if (!keep_header(x, line, n)) {
		duet__transfer_blame(x, DUET_ENOMEM, "no memory for the headers");
		return CURL_WRITEFUNC_ERROR;
	}
	return n;
}

/* --- body --- */

/* How much the server says there is to come, as far as that is worth believing. */
static size_t announced(const duet__transfer *x)
{
	curl_off_t length = -1;

	curl_easy_getinfo(x->handle->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length <= 0 || length > TRUSTED_LENGTH ? 0 : (size_t)length;
}

static bool keep_body(duet__transfer *x, size_t more)
{
	size_t need = x->body_len + more + 1;
	size_t room = x->body_room;
	char *grown;

	if (need <= room)
		return true;
	if (room == 0)
		room = announced(x) + 1;
	if (room < need)
		room = need < FIRST_ROOM ? FIRST_ROOM : need + need / 2;
	grown = realloc(x->body, room);
	if (grown == NULL)
		return false;
	x->body = grown;
	x->body_room = room;
	return true;
}

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
	duet__transfer *x = ((duet__handle *)context)->transfer;

	(void)size;
	x->moved_at = duet__shard_now(x->shard);
	if (n > x->max_body - x->body_len) {
		blame_size(x);
		return CURL_WRITEFUNC_ERROR;
	}
	if (x->stream != NULL)
		return duet__stream_take(x->stream, data, n);
	if (!keep_body(x, n)) {
		duet__transfer_blame(x, DUET_ENOMEM, "no memory for the body");
		return CURL_WRITEFUNC_ERROR;
	}
	memcpy(x->body + x->body_len, data, n);
	x->body_len += n;
	return n;
}

static CURLcode set_all(CURL *easy, const void *handle)
{
	CURLcode code;

	if ((code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send)) != CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_PREREQDATA, handle)) != CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header)) != CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, handle)) != CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body)) != CURLE_OK)
		return code;
	return curl_easy_setopt(easy, CURLOPT_WRITEDATA, handle);
}

CURLcode duet__callbacks_set(duet__handle *handle)
{
	CURL *easy = handle->easy;
	CURLcode code;

	/* A connection outlives the handle that opened it: its end is the client's business. */
	if ((code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, duet__socket_open)) !=
		    CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, handle)) != CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, duet__socket_close)) !=
		    CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, handle->http)) != CURLE_OK)
		return code;
	return set_all(easy, handle);
}
