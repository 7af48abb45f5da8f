#include "loop/llm/client.h"
#include "loop/llm/wire.h"

#include <duet/error.h>

static const char *header_of(const void *answer, const char *name)
{
	return duet_http_header(answer, name);
}

static duet__verdict judge(duet__call *c, const duet_http_response *answer)
{
	duet_bytes body = DUET_BYTES(answer->body.data, answer->body.len);
	int r;

	if (answer->status < 200 || answer->status > 299)
		return duet__call_judge_status(c, answer->status, body, answer, header_of);
	r = c->chat->path != NULL ? duet__wire_any(body, c->out) : duet__wire_reply(body, c->out);
	if (r == 0)
		return (duet__verdict){.pause = -1};
	duet__verdict v = duet__call_judge_code(c, r);
	v.again = false; /* it would say the same again */
	return v;
}

static duet__verdict attempt(duet__call *c)
{
	duet_http_response answer = {0};
	duet__verdict v;
	int r = duet_http_fetch(c->llm->http, &c->request, &answer);

	if (r < 0) {
		c->out->attempts += r != DUET_ECANCELED && r != DUET_EINVAL;
		return duet__call_judge_code(c, r);
	}
	c->out->attempts += (int)answer.sends;
	c->out->status = answer.status;
	duet__call_note_headers(c, &answer, header_of);
	v = judge(c, &answer);
	c->out->raw = answer.body;
	answer.body = (duet_buf){0};
	duet_http_response_free(&answer);
	return v;
}

int duet_llm_chat(duet_llm *l, const duet_chat *chat, duet_completion *out)
{
	duet__call c = {.llm = l, .chat = chat, .out = out};

	return duet__call_run(&c, false, attempt);
}
