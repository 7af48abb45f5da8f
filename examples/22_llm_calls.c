/* Lesson 22: a thousand calls to a model, two hundred at once, on one thread.
 *
 * Each takes 0.2 s, so five rounds take one second.  The client keeps its connections, bounds the
 * calls in flight, and here talks to the mock server of the mixed workload. */
#include "lesson.h"
#include "mixed_workload/mock_llm.h"

enum { CALLS = 1000, AT_ONCE = 200 };

static int ask(void *llm, size_t i)
{
	char prompt[32];
	duet_completion reply;

	snprintf(prompt, sizeof prompt, "question %zu", i);
	int r = duet_llm_chat(llm, &(duet_chat){.prompt = prompt}, &reply);
	if (r == 0 && reply.completion_tokens <= 0)
		r = DUET_EPROTO;
	duet_completion_free(&reply);
	return r;
}

static int lesson(void *llm)
{
	duet_time start = duet_now();
	int r = duet_map(CALLS, AT_ONCE, ask, llm, NULL);
	double seconds = seconds_since(start);

	if (r < 0)
		fprintf(stderr, "%s: %s\n", duet_err_name(r), duet_errmsg());
	else
		printf("%d calls of 0.2 s: at least 1 s, and not 200: %s\n", CALLS,
		       seconds >= 1 && seconds < 20 ? "yes" : "no");
	return r;
}

int main(void)
{
	struct mock_llm server;

	if (mock_llm_start(&server, DUET_MS(200)) < 0)
		return EXIT_FAILURE;
	duet_llm *llm = duet_llm_open(&(duet_llm_options){.base_url = server.url,
							  .api_key = "",
							  .model = "mock-1",
							  .max_concurrent = AT_ONCE});
	int r = llm != NULL ? duet_run(lesson, llm) : -1;

	duet_llm_close(llm);
	mock_llm_stop(&server);
	return r < 0;
}
