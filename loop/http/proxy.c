#include "loop/http/client.h"

#include <stdlib.h>
#include <string.h>

static const char *first_of(const char *a, const char *b)
{
	return a != NULL && *a != '\0' ? a : b != NULL ? b : "";
}

/* Only the lower-case http_proxy: HTTP_PROXY is a request header in a CGI program. */
static const char *from_environment(bool tls)
{
	const char *all = first_of(getenv("all_proxy"), getenv("ALL_PROXY"));

	if (!tls)
		return first_of(getenv("http_proxy"), all);
	return first_of(first_of(getenv("https_proxy"), getenv("HTTPS_PROXY")), all);
}

int duet__proxies_init(duet__proxies *p, const char *proxy, const char *no_proxy)
{
	if (proxy == NULL && no_proxy == NULL)
		no_proxy = first_of(getenv("no_proxy"), getenv("NO_PROXY"));
	p->plain = strdup(proxy != NULL ? proxy : from_environment(false));
	p->tls = strdup(proxy != NULL ? proxy : from_environment(true));
	p->no_proxy = strdup(no_proxy != NULL ? no_proxy : "");
	return p->plain != NULL && p->tls != NULL && p->no_proxy != NULL ? 0 : DUET_ENOMEM;
}

void duet__proxies_fini(duet__proxies *p)
{
	free(p->plain);
	free(p->tls);
	free(p->no_proxy);
	p->plain = p->tls = p->no_proxy = NULL;
}

void duet__proxy_redact(const char *proxy, char *out, size_t size)
{
	const char *scheme_end = strstr(proxy, "://");
	const char *host = scheme_end != NULL ? scheme_end + 3 : proxy;
	const char *at = strrchr(host, '@');
	size_t n;

	if (at != NULL)
		host = at + 1;
	n = strlen(host);
	if (n >= size)
		n = size - 1;
	memcpy(out, host, n);
	out[n] = '\0';
}
