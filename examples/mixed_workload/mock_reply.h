/* What the mock model says: 340 words of a made-up vocabulary of 512, a full stop after every
 * 17th, chosen by the prompt alone.  The same prompt gets the same bytes, in every run. */
#ifndef MIXED_WORKLOAD_MOCK_REPLY_H
#define MIXED_WORKLOAD_MOCK_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOCK_REPLY_MAX = 4096 };

/* Once, before mock_reply. */
void mock_reply_init(void);

/* The seed that a chat completion request asks for: a hash of its last message's text.
 * -> false if the body has no "content" */
bool mock_reply_seed(const char *body, size_t len, uint32_t *ret_seed);

/* Writes a whole chat completion in JSON. -> its length */
size_t mock_reply(uint32_t seed, char out[MOCK_REPLY_MAX]);

#endif
