#include "loop/core/fail.h"
#include "loop/http/url.h"
#include "loop/llm/client.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_URL "https://api.openai.com/v1"
#define ENDPOINT    "/chat/completions"

static const char *or_env(const char *value, const char *name)
{
	return value != NULL ? value : getenv(name);
}

/* base without a slash or the endpoint at its end, and with the endpoint. */
static char *make_url(const char *base)
{
	size_t n = strlen(base);
	char *url;

	if (n >= strlen(ENDPOINT) && strcmp(base + n - strlen(ENDPOINT), ENDPOINT) == 0)
		n -= strlen(ENDPOINT);
	while (n > 0 && base[n - 1] == '/')
		n--;
	return asprintf(&url, "%.*s" ENDPOINT, (int)n, base) < 0 ? NULL : url;
}

/* "name: value", or NULL if there is no value.  -> 0, -EINVAL, -ENOMEM */
static int make_header(char **out, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return 0;
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return duet__failf(DUET_EINVAL, "the value for %s holds a control byte",
					   name);
	if (asprintf(out, "%s: %s", name, value) >= 0)
		return 0;
	*out = NULL;
	return duet__fail(DUET_ENOMEM);
}

static int make_authorization(duet_llm *l, const char *key)
{
	char *bearer = NULL;
	int r;

	if (key == NULL || *key == '\0')
		return 0;
	if (asprintf(&bearer, "Bearer %s", key) < 0)
		return duet__fail(DUET_ENOMEM);
	r = make_header(&l->authorization, "Authorization", bearer);
	explicit_bzero(bearer, strlen(bearer));
	free(bearer);
	return r;
}

/* A key in the clear on the network is everybody's. */
static int check_url(const duet_llm *l, bool *is_loopback)
{
	duet__url u;
	const char *why = duet__url_parse(l->url, &u);

	if (why != NULL)
		return duet__failf(DUET_EINVAL, "the base URL cannot be used: %s", why);
	if (strpbrk(l->url, "?#") != NULL)
		return duet__failf(DUET_EINVAL, "the base URL holds a query or fragment");
	*is_loopback = duet__url_is_loopback(&u);
	if (!u.tls && l->authorization != NULL && !*is_loopback)
		return duet__failf(DUET_EINVAL,
				   "the API key is not sent over plain http to %.*s: "
				   "use https, or set .api_key to \"\"",
				   (int)u.host_len, u.host);
	return 0;
}

static int check_options(const duet_llm_options *o)
{
	if (o->retries < -1 || o->retries > 1000)
		return duet__failf(DUET_EINVAL, "retries must be -1 to 1000");
	if (o->timeout < 0 || o->connect_timeout < 0 || o->stall_timeout < 0 ||
	    o->max_retry_after < 0)
		return duet__failf(DUET_EINVAL, "a timeout of the client is below zero");
	return 0;
}

static duet_time or_time(duet_time t, duet_time otherwise)
{
	return t != 0 ? t : otherwise;
}

static int take_strings(duet_llm *l, const duet_llm_options *o)
{
	const char *base = or_env(o->base_url, "OPENAI_BASE_URL");
	int r;

	l->url = make_url(base != NULL && *base != '\0' ? base : DEFAULT_URL);
	l->model = o->model != NULL ? strdup(o->model) : NULL;
	l->base_len = l->url != NULL ? strlen(l->url) - strlen(ENDPOINT) : 0;
	if (l->url == NULL || (o->model != NULL && l->model == NULL))
		return duet__fail(DUET_ENOMEM);
	if ((r = make_authorization(l, or_env(o->api_key, "OPENAI_API_KEY"))) < 0 ||
	    (r = make_header(&l->organization, "OpenAI-Organization",
			     or_env(o->organization, "OPENAI_ORG_ID"))) < 0)
		return r;
	return make_header(&l->project, "OpenAI-Project", or_env(o->project, "OPENAI_PROJECT_ID"));
}

static int open_http(duet_llm *l, const duet_llm_options *o, bool is_loopback)
{
	duet_http_options http = {
		.max_connections = (size_t)l->pace.most,
		.connect_timeout = or_time(o->connect_timeout, DUET_S(5)),
		.max_body = o->max_body,
		/* The key must not leave this machine by way of a proxy either. */
		.proxy = o->proxy == NULL && is_loopback ? "" : o->proxy,
		.ca_file = o->ca_file,
		.insecure = o->insecure,
	};

	l->http = duet_http_open(&http);
	return l->http != NULL ? 0 : errno == ENOMEM ? DUET_ENOMEM : DUET_EINVAL;
}

static int set_up(duet_llm *l, const duet_llm_options *o)
{
	bool is_loopback;
	int r;

	if ((r = check_options(o)) < 0 || (r = take_strings(l, o)) < 0 ||
	    (r = check_url(l, &is_loopback)) < 0)
		return r;
	l->retries = o->retries == 0 ? 2 : o->retries < 0 ? 0 : o->retries;
	l->outlast_throttling = o->outlast_throttling;
	l->timeout = or_time(o->timeout, DUET_S(600));
	l->stall_timeout = or_time(o->stall_timeout, DUET_S(60));
	l->longest_pause = or_time(o->max_retry_after, DUET_S(600));
	r = duet__pace_init(&l->pace, o->max_concurrent, o->rpm, o->tpm, l->longest_pause, o->seed);
	return r < 0 ? r : open_http(l, o, is_loopback);
}

static void free_client(duet_llm *l)
{
	if (l->authorization != NULL)
		explicit_bzero(l->authorization, strlen(l->authorization));
	free(l->authorization);
	free(l->organization);
	free(l->project);
	free(l->model);
	free(l->url);
	duet__pace_fini(&l->pace);
	free(l);
}

void duet__llm_unref(duet_llm *l)
{
	if (--l->references == 0)
		free_client(l);
}

duet_llm *duet_llm_open(const duet_llm_options *o)
{
	static const duet_llm_options defaults;
	duet_llm *l = calloc(1, sizeof(*l));
	int r;

	if (l == NULL)
		return duet__fail_null(DUET_ENOMEM);
	l->references = 1;
	r = set_up(l, o != NULL ? o : &defaults);
	if (r == 0)
		return l;
	duet_http_close(l->http);
	free_client(l);
	errno = -r;
	return NULL;
}

void duet_llm_close(duet_llm *l)
{
	if (l == NULL || l->closed)
		return;
	l->closed = true;
	duet__pace_close(&l->pace);
	duet_http_close(l->http);
	duet__llm_unref(l);
}

void duet_completion_free(duet_completion *c)
{
	if (c == NULL)
		return;
	free(c->text);
	duet_buf_free(&c->raw);
	memset(c, 0, sizeof(*c));
}

int duet_llm_stats(const duet_llm *l, duet_llm_stats_t *out)
{
	duet_time cooldown;

	if (l == NULL || out == NULL)
		return duet__failf(DUET_EINVAL, "the client and the statistics must not be NULL");
	cooldown = l->pace.cooldown_until - duet_now();
	*out = (duet_llm_stats_t){
		.active = l->pace.active,
		.queued = l->pace.queued,
		.limit = l->pace.limit,
		.rpm = l->pace.requests.per_minute,
		.tpm = l->pace.tokens.per_minute,
		.cooldown = cooldown > 0 ? cooldown : 0,
		.done = l->done,
		.failed = l->failed,
		.retries = l->retried,
		.throttled = l->throttled,
	};
	return 0;
}
