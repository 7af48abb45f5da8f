/* The embedded mock LLM server: OpenAI chat completions at POST /v1/chat/completions of a free
 * port of 127.0.0.1, in a process of its own that never outlives this one.
 *
 *     struct mock_llm server;
 *     mock_llm_start(&server, DUET_MS(50));     // before any thread, pool or run
 *     ... server.url ...
 *     mock_llm_stop(&server);
 */
#ifndef MIXED_WORKLOAD_MOCK_LLM_H
#define MIXED_WORKLOAD_MOCK_LLM_H

#include <duet/duet.h>
#include <sys/types.h>

struct mock_llm {
	pid_t pid;
	int life; /* the server ends when this end of the pipe closes */
	char url[64];
};

/* Forks the server and waits until it listens; each completion comes `latency` after its request.
 * -> 0, -errno */
int mock_llm_start(struct mock_llm *m, duet_time latency);

/* Ends the server and reaps it.  One that was never started ({0}) is fine. */
void mock_llm_stop(struct mock_llm *m);

#endif
