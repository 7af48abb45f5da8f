#include "loop/core/fail.h"
#include "loop/http/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_PROBE = 256 * 1024 };

/* What each of curl's results means here.  Those not listed are DUET_EHTTP. */
static const struct meaning {
	CURLcode result;
	int code;
} meanings[] = {
	{CURLE_COULDNT_RESOLVE_HOST, DUET_EDNS},
	{CURLE_COULDNT_RESOLVE_PROXY, DUET_EDNS},
	{CURLE_OPERATION_TIMEDOUT, DUET_ETIMEDOUT},
	{CURLE_OUT_OF_MEMORY, DUET_ENOMEM},
	{CURLE_SEND_ERROR, -ECONNRESET},
	{CURLE_RECV_ERROR, -ECONNRESET},
	{CURLE_GOT_NOTHING, -ECONNRESET},
	{CURLE_URL_MALFORMAT, DUET_EINVAL},
	{CURLE_UNSUPPORTED_PROTOCOL, DUET_EPROTO}, /* an answer without status line */
	{CURLE_WEIRD_SERVER_REPLY, DUET_EPROTO},
	{CURLE_PARTIAL_FILE, DUET_EPROTO},
	{CURLE_BAD_CONTENT_ENCODING, DUET_EPROTO},
	{CURLE_HTTP2, DUET_EPROTO},
	{CURLE_SSL_CONNECT_ERROR, DUET_ETLS},
	{CURLE_PEER_FAILED_VERIFICATION, DUET_ETLS},
	{CURLE_SSL_CERTPROBLEM, DUET_ETLS},
	{CURLE_SSL_CIPHER, DUET_ETLS},
	{CURLE_SSL_CACERT_BADFILE, DUET_ETLS},
	{CURLE_SSL_ENGINE_NOTFOUND, DUET_ETLS},
	{CURLE_SSL_ENGINE_SETFAILED, DUET_ETLS},
	{CURLE_SSL_ENGINE_INITFAILED, DUET_ETLS},
	{CURLE_SSL_SHUTDOWN_FAILED, DUET_ETLS},
	{CURLE_SSL_CRL_BADFILE, DUET_ETLS},
	{CURLE_SSL_ISSUER_ERROR, DUET_ETLS},
	{CURLE_SSL_PINNEDPUBKEYNOTMATCH, DUET_ETLS},
	{CURLE_SSL_INVALIDCERTSTATUS, DUET_ETLS},
};

static int meaning_of(CURLcode result)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (meanings[i].result == result)
			return meanings[i].code;
	return DUET_EHTTP;
}

/* "host:port", with the proxy if there is one, and never a password. */
static const char *peer_of(const duet__transfer *x, char *out, size_t size)
{
	const duet__proxies *p = &x->http->proxies;
	const char *proxy = x->url.tls ? p->tls : p->plain;
	char shown[80];

	duet__proxy_redact(proxy, shown, sizeof(shown));
	snprintf(out, size, "%s%.*s%s:%u%s%s%s", x->url.is_ipv6 ? "[" : "", (int)x->url.host_len,
		 x->url.host, x->url.is_ipv6 ? "]" : "", x->url.port,
		 *proxy != '\0' ? " (proxy " : "", shown, *proxy != '\0' ? ")" : "");
	return out;
}

static long os_errno_of(const duet__transfer *x)
{
	long number = 0;

	curl_easy_getinfo(x->handle->easy, CURLINFO_OS_ERRNO, &number);
	return number;
}

static void blame_connect(duet__transfer *x, const char *peer)
{
	long os_errno = os_errno_of(x);
	int code = x->out_of_fds ? -EMFILE : os_errno > 0 ? -(int)os_errno : -ECONNREFUSED;
	duet__transfer_blame(x, code, "could not connect to %s: %s", peer, strerror(-code));
}

/* curl reports a proxy's refusal as a broken connection. */
static bool blame_proxy(duet__transfer *x, CURLcode result, const char *peer)
{
	long status = 0;

	if (result == CURLE_PROXY) {
		duet__transfer_blame(x, DUET_EHTTP, "no way through to %s: %s", peer,
				     x->handle->error);
		return true;
	}
	curl_easy_getinfo(x->handle->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	if (x->sends > 0 || status < 300)
		return false;
	duet__transfer_blame(x, DUET_EHTTP, "the proxy answered %ld instead of connecting to %s",
			     status, peer);
	return true;
}

/* curl calls it out of memory, too, when a line of the answer's head is over 100 KiB. */
static bool is_long_line(const duet__transfer *x, CURLcode result)
{
	void *probe;

	if (result != CURLE_OUT_OF_MEMORY || x->sends == 0 || x->headers_done)
		return false;
	probe = malloc(LINE_PROBE);
	free(probe);
	return probe != NULL;
}

void duet__failure_set(duet__transfer *x, CURLcode result)
{
	char peer[200];
	const char *words = x->handle->error;

	if (x->code != 0)
		return;
	peer_of(x, peer, sizeof(peer));
	if (*words == '\0')
		words = curl_easy_strerror(result);
	if (blame_proxy(x, result, peer))
		return;
	if (result == CURLE_RECV_ERROR && os_errno_of(x) == 0)
		duet__transfer_blame(x, DUET_EPROTO, "%s: %s", peer, words); /* a bad chunk */
	else if (is_long_line(x, result))
		duet__transfer_blame(x, DUET_EPROTO, "%s: a header is over 100 KiB", peer);
	else if (result == CURLE_COULDNT_CONNECT)
		blame_connect(x, peer);
	else
		duet__transfer_blame(x, meaning_of(result), "%s: %s", peer, words);
}
