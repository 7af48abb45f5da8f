#include "loop/http/handle.h"

#include "loop/http/request.h"
#include <stdlib.h>
#include <string.h>

enum {
	OWN_LINES = 3,
	WITHOUT_CONSENT = 512 * 1024, /* curl asks for it from 1 MiB on */
};

#define TRY_SET(easy, option, value)                                                               \
	do {                                                                                       \
		CURLcode code_ = curl_easy_setopt((easy), (option), (value));                      \
		if (code_ != CURLE_OK)                                                             \
			return code_;                                                              \
	} while (0)

static CURLcode set_security(CURL *easy, const duet_http_options *o)
{
	TRY_SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	TRY_SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	TRY_SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (o->ca_file != NULL)
		TRY_SET(easy, CURLOPT_CAINFO, o->ca_file);
	if (!o->insecure)
		return CURLE_OK;
	TRY_SET(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	TRY_SET(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	TRY_SET(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 0L);
	TRY_SET(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 0L);
	return CURLE_OK;
}

static long whole_seconds(duet_time t)
{
	return t >= DUET_S(1) * 1000000 ? 1000000 : t < DUET_S(1) ? 1 : (long)(t / DUET_S(1));
}

static CURLcode configure(duet__handle *handle)
{
	CURL *easy = handle->easy;
	const duet_http_options *o = &handle->http->options;

	TRY_SET(easy, CURLOPT_PRIVATE, handle);
	TRY_SET(easy, CURLOPT_ERRORBUFFER, handle->error);
	TRY_SET(easy, CURLOPT_NOSIGNAL, 1L);
	TRY_SET(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancel must not wait for a name lookup */
	TRY_SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	TRY_SET(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	TRY_SET(easy, CURLOPT_MAXAGE_CONN, whole_seconds(o->idle_timeout));
	TRY_SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	TRY_SET(easy, CURLOPT_NOPROXY, handle->http->proxies.no_proxy);
	if (o->compressed)
		TRY_SET(easy, CURLOPT_ACCEPT_ENCODING, "");
	return set_security(easy, o);
}

static duet__handle *handle_new(duet_http *h)
{
	duet__handle *handle = calloc(1, sizeof(*handle));

	if (handle == NULL)
		return NULL;
	handle->http = h;
	handle->easy = curl_easy_init();
	if (handle->easy != NULL && configure(handle) == CURLE_OK &&
	    duet__callbacks_set(handle) == CURLE_OK)
		return handle;
	duet__handle_free(handle);
	return NULL;
}

void duet__handle_free(duet__handle *handle)
{
	if (handle == NULL)
		return;
	if (handle->easy != NULL)
		curl_easy_cleanup(handle->easy);
	free(handle->method);
	free(handle->url);
	free(handle->lines);
	free(handle);
}

static bool is_header(const char *line, const char *name, size_t len)
{
	return strncasecmp(line, name, len) == 0;
}

/* Makes handle->lines the request's headers behind our own.  The strings stay the caller's. */
static CURLcode load_headers(duet__handle *handle, const duet_http_request *request)
{
	const char *const *headers = request->headers;
	size_t n = 0, used = 0;
	bool has_type = false, has_agent = false;
	struct curl_slist *lines = handle->lines;

	for (; headers != NULL && headers[n] != NULL; n++) {
		has_type |= is_header(headers[n], "Content-Type:", 13);
		has_agent |= is_header(headers[n], "User-Agent:", 11);
	}
	if (n + OWN_LINES > handle->line_room) {
		lines = realloc(lines, (n + OWN_LINES) * sizeof(*lines));
		if (lines == NULL)
			return CURLE_OUT_OF_MEMORY;
		handle->lines = lines;
		handle->line_room = n + OWN_LINES;
	}
	/* As a line of the request: curl would print it anew for each, which costs more. */
	if (!has_agent)
		lines[used++].data = handle->http->agent_line;
	/* Without it curl would wait up to a second for the server's consent to a large body. */
	if (request->body.len > WITHOUT_CONSENT)
		lines[used++].data = (char *)"Expect:";
	if (!has_type && handle->kind == 'B')
		lines[used++].data = (char *)"Content-Type:"; /* nor claim that it is a form */
	for (size_t i = 0; i < n; i++)
		lines[used++].data = (char *)headers[i];
	for (size_t i = 0; i < used; i++)
		lines[i].next = i + 1 < used ? &lines[i + 1] : NULL;
	return curl_easy_setopt(handle->easy, CURLOPT_HTTPHEADER, lines);
}

static CURLcode set_kind(duet__handle *handle, char kind)
{
	if (handle->kind == kind)
		return CURLE_OK;
	handle->kind = kind;
	if (kind == 'H')
		return curl_easy_setopt(handle->easy, CURLOPT_NOBODY, 1L);
	TRY_SET(handle->easy, CURLOPT_NOBODY, 0L);
	if (kind == 'G')
		return curl_easy_setopt(handle->easy, CURLOPT_HTTPGET, 1L);
	return curl_easy_setopt(handle->easy, CURLOPT_POST, 1L);
}

/* method as said to curl apart from the kind, which knows GET, HEAD and POST by itself. */
static CURLcode set_method(duet__handle *handle, const char *method)
{
	if (handle->method == NULL ? method == NULL
				   : method != NULL && strcmp(handle->method, method) == 0)
		return CURLE_OK;
	free(handle->method);
	handle->method = method != NULL ? strdup(method) : NULL;
	if (method != NULL && handle->method == NULL)
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_setopt(handle->easy, CURLOPT_CUSTOMREQUEST, method);
}

static CURLcode load_method(duet__handle *handle, const duet_http_request *request)
{
	bool has_body = request->body.len > 0;
	const char *method = duet__request_method(request);
	bool posts = has_body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
		     strcmp(method, "PATCH") == 0;
	char kind = posts ? 'B' : strcmp(method, "HEAD") == 0 ? 'H' : 'G';
	bool is_known = strcmp(method, kind == 'B' ? "POST" : kind == 'H' ? "HEAD" : "GET") == 0;
	CURLcode code;

	if ((code = set_kind(handle, kind)) != CURLE_OK ||
	    (code = set_method(handle, is_known ? NULL : method)) != CURLE_OK || kind != 'B')
		return code;
	TRY_SET(handle->easy, CURLOPT_POSTFIELDS, has_body ? request->body.data : "");
	return curl_easy_setopt(handle->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				(curl_off_t)request->body.len);
}

static CURLcode load_proxy(duet__handle *handle, bool tls)
{
	char want = tls ? 'y' : 'n';

	if (handle->tls == want)
		return CURLE_OK;
	handle->tls = want;
	return curl_easy_setopt(handle->easy, CURLOPT_PROXY,
				tls ? handle->http->proxies.tls : handle->http->proxies.plain);
}

/* Most requests of a handle go where the one before went. */
static CURLcode load_url(duet__handle *handle, const char *url)
{
	if (handle->url != NULL && strcmp(handle->url, url) == 0)
		return CURLE_OK;
	free(handle->url);
	handle->url = strdup(url);
	if (handle->url == NULL)
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_setopt(handle->easy, CURLOPT_URL, url);
}

static CURLcode load(duet__handle *handle, const duet__transfer *x)
{
	CURLcode code;

	if ((code = load_proxy(handle, x->url.tls)) != CURLE_OK ||
	    (code = load_method(handle, x->request)) != CURLE_OK ||
	    (code = load_headers(handle, x->request)) != CURLE_OK)
		return code;
	return load_url(handle, x->request->url);
}

duet__handle *duet__handle_take(duet__transfer *x)
{
	duet_http *h = x->http;
	duet__handle *handle = h->idle_handles;
	CURLcode code;

	if (handle != NULL)
		h->idle_handles = handle->next;
	else if ((handle = handle_new(h)) == NULL)
		return NULL;
	handle->transfer = x;
	handle->error[0] = '\0';
	code = load(handle, x);
	if (code == CURLE_OK)
		return handle;
	if (code != CURLE_OUT_OF_MEMORY)
		duet__transfer_blame(x, DUET_EINVAL, "curl refuses the request: %s",
				     curl_easy_strerror(code));
	duet__handle_free(handle); /* half loaded */
	return NULL;
}

void duet__handle_give(duet__handle *handle)
{
	handle->transfer = NULL;
	handle->next = handle->http->idle_handles;
	handle->http->idle_handles = handle;
}
