#include "tests/loop/llm/server.h"

#include <stdio.h>
#include <stdlib.h>

int say_chat(int fd, const char *text)
{
	char *body;
	int r;

	if (asprintf(&body,
		     "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
		     "\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
		     "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5,\"total_tokens\":8}}",
		     text) < 0)
		abort();
	r = server_reply(fd, 200, "Content-Type: application/json\r\nX-Request-Id: req-1\r\n",
			 body);
	free(body);
	return r;
}

struct session {
	duet_llm_options options;
	int (*body)(void *llm);
};

static int run(void *arg)
{
	struct session *s = arg;
	duet_llm *l = duet_llm_open(&s->options);
	int r;

	if (l == NULL)
		test_fail(__FILE__, __LINE__, "open: %s", duet_errmsg());
	r = s->body(l);
	duet_llm_close(l);
	return r;
}

void with_llm(struct server *server, duet_llm_options o, int (*body)(void *llm))
{
	struct session s = {o, body};

	if (server != NULL)
		s.options.base_url = server_url(server, "/v1");
	if (o.model == NULL)
		s.options.model = "mock";
	if (o.api_key == NULL)
		s.options.api_key = "";
	CHECK_OK(duet_run(run, &s));
}

int chat(duet_llm *l, duet_completion *out)
{
	return duet_llm_chat(l, &(duet_chat){.prompt = "hi"}, out);
}
