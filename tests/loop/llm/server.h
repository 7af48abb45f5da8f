/* What the tests of the chat client share: a chat server that answers by plan. */
#ifndef DUET_TESTS_LLM_SERVER_H
#define DUET_TESTS_LLM_SERVER_H

#include "tests/lib/http_server.h"
#include "tests/lib/test.h"
#include <duet/duet.h>

/* A whole chat completion with this text, 3 prompt and 5 completion tokens. */
int say_chat(int fd, const char *text);

/* Runs body(llm) as the main task, with a client for s, opened with o (its base_url is set) and
 * closed behind. */
void with_llm(struct server *s, duet_llm_options o, int (*body)(void *llm));

/* One chat "hi"; the completion is the caller's. */
int chat(duet_llm *l, duet_completion *out);

#endif
