#include "tests/loop/http/client.h"

struct session {
	const duet_http_options *options;
	void (*body)(duet_http *http);
};

static int run(void *arg)
{
	struct session *s = arg;
	duet_http *http = duet_http_open(s->options);

	CHECK(http != NULL);
	s->body(http);
	duet_http_close(http);
	return 0;
}

void with_client(const duet_http_options *o, void (*body)(duet_http *http))
{
	struct session s = {o, body};

	CHECK_OK(duet_run(run, &s));
}

int get(duet_http *http, const char *url, duet_http_response *out)
{
	return duet_http_fetch(http, &(duet_http_request){.url = url}, out);
}

void get_fails(duet_http *http, const char *url, int code, const char *words)
{
	duet_http_response out = {0};
	int r = get(http, url, &out);

	CHECK_ERR(r, code);
	CHECK_HAS(duet_errmsg(), words);
	CHECK(out.body.data == NULL && out.headers == NULL);
}
