#include "loop/http/redirect.h"

#include "loop/core/fail.h"
#include "loop/http/request.h"
#include "loop/http/url.h"
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_redirect(int status)
{
	return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

static CURLUcode resolve_with(CURLU *u, const char *base, const char *location, char **found)
{
	CURLUcode code;

	if ((code = curl_url_set(u, CURLUPART_URL, base, 0)) == CURLUE_OK &&
	    (code = curl_url_set(u, CURLUPART_URL, location, CURLU_URLENCODE)) == CURLUE_OK &&
	    (code = curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0)) == CURLUE_OK)
		code = curl_url_get(u, CURLUPART_URL, found, 0);
	return code;
}

/* What location means at base, malloced.  -> 0, DUET_EHTTP (nothing), -ENOMEM */
static int resolve(const char *base, const char *location, char **url)
{
	CURLU *u = curl_url();
	char *found = NULL;
	CURLUcode code = u != NULL ? resolve_with(u, base, location, &found) : CURLUE_OUT_OF_MEMORY;

	*url = code == CURLUE_OK ? strdup(found) : NULL;
	curl_free(found);
	curl_url_cleanup(u);
	if (*url != NULL)
		return 0;
	return code == CURLUE_OK || code == CURLUE_OUT_OF_MEMORY
		       ? duet__fail(DUET_ENOMEM)
		       : duet__failf(DUET_EHTTP, "the redirect leads to no URL");
}

static bool is_same_origin(const duet__url *a, const duet__url *b)
{
	return a->tls == b->tls && a->port == b->port && a->host_len == b->host_len &&
	       strncasecmp(a->host, b->host, a->host_len) == 0;
}

static bool is_named(const char *line, const char *const *names)
{
	size_t n = strcspn(line, ":");

	for (; *names != NULL; names++)
		if (strlen(*names) == n && strncasecmp(line, *names, n) == 0)
			return true;
	return false;
}

/* Leaves out what is not to go along. */
static int take_headers(duet__redirect *r, const char *const *headers, bool leaves, bool is_bare)
{
	static const char *const secret[] = {"Authorization", "Cookie", "Proxy-Authorization",
					     "Host", NULL};
	static const char *const of_body[] = {"Content-Type", "Content-Encoding",
					      "Content-Language", "Content-Location", NULL};
	size_t count = 0, n = 0;
	const char **kept;

	while (headers != NULL && headers[count] != NULL)
		count++;
	kept = calloc(count + 1, sizeof(*kept));
	if (kept == NULL)
		return duet__fail(DUET_ENOMEM);
	for (size_t i = 0; i < count; i++)
		if (!(leaves && is_named(headers[i], secret)) &&
		    !(is_bare && is_named(headers[i], of_body)))
			kept[n++] = headers[i];
	free(r->headers);
	r->headers = kept;
	return 0;
}

static bool becomes_get(const char *method, int status)
{
	if (status == 303)
		return strcmp(method, "HEAD") != 0;
	return (status == 301 || status == 302) && strcmp(method, "POST") == 0;
}

/* Makes r->request of `from`, with this URL, which it takes. */
static int move_on(duet__redirect *r, const duet_http_request *from, int status, char *url)
{
	bool is_bare = becomes_get(duet__request_method(from), status);
	duet__url here, there;
	const char *why = duet__url_parse(url, &there);
	int code;

	if (why != NULL) {
		free(url);
		return duet__failf(DUET_EHTTP, "the redirect cannot be followed: %s", why);
	}
	duet__url_parse(from->url, &here);
	code = take_headers(r, from->headers, !is_same_origin(&here, &there), is_bare);
	if (code < 0) {
		free(url);
		return code;
	}
	r->request = *from;
	r->request.headers = r->headers;
	r->request.url = url;
	if (is_bare) {
		r->request.method = "GET";
		r->request.body = (duet_bytes){0};
	}
	free(r->url);
	r->url = url;
	return 0;
}

int duet__redirect_follow(duet__redirect *r, const duet_http_request *request, int status,
			  const char *location, duet_time took, duet_time limit)
{
	const duet_http_request from = r->url != NULL ? r->request : *request;
	char *url;
	int code;

	if (!is_redirect(status) || location == NULL)
		return 0;
	if (r->left-- == 0)
		return duet__failf(DUET_EHTTP, "there are more redirects than .max_redirects");
	r->used += took;
	if (limit != DUET_FOREVER && r->used >= limit)
		return duet__failf(DUET_ETIMEDOUT, "the redirects took more than %.3f s",
				   (double)limit / 1e9);
	if ((code = resolve(from.url, location, &url)) < 0)
		return code;
	code = move_on(r, &from, status, url);
	if (code < 0)
		return code;
	r->request.timeout = limit != DUET_FOREVER ? limit - r->used : DUET_FOREVER;
	return 1;
}

void duet__redirect_fini(duet__redirect *r)
{
	free(r->url);
	free(r->headers);
}
