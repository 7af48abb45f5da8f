#include "mock_reply.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VOCABULARY = 512, WORD_MAX = 6, WORDS = 340, SENTENCE = 17 };

static_assert(WORDS * (WORD_MAX + 2) + 512 < MOCK_REPLY_MAX, "a reply fits");

static struct {
	char letters[WORD_MAX];
	uint8_t len;
} vocabulary[VOCABULARY];

static uint32_t splitmix32(uint32_t *state)
{
	uint32_t z = *state += 0x9E3779B9u;

	z = (z ^ (z >> 16)) * 0x21F0AAADu;
	z = (z ^ (z >> 15)) * 0x735A2D97u;
	return z ^ (z >> 15);
}

void mock_reply_init(void)
{
	static const char consonants[] = "bdfgklmnprstvz", vowels[] = "aeiou";
	uint32_t state = 777;

	for (int w = 0; w < VOCABULARY; w++) {
		uint8_t len = 2 * (2 + splitmix32(&state) % 2);
		for (int i = 0; i < len; i += 2) {
			vocabulary[w].letters[i] = consonants[splitmix32(&state) % 14];
			vocabulary[w].letters[i + 1] = vowels[splitmix32(&state) % 5];
		}
		vocabulary[w].len = len;
	}
}

/* What stands behind the last "content" in the body, or NULL. */
static const char *last_content(const char *body, size_t len)
{
	static const char key[] = "\"content\"";
	const size_t key_len = sizeof key - 1;
	const char *found = NULL, *at = body, *end = body + len;

	while ((at = memmem(at, (size_t)(end - at), key, key_len)) != NULL) {
		at += key_len;
		found = at;
	}
	return found;
}

/* The text is hashed as it stands in the JSON, from its quote to the next. */
bool mock_reply_seed(const char *body, size_t len, uint32_t *ret_seed)
{
	const char *end = body + len;
	const char *at = last_content(body, len);
	uint32_t hash = 2166136261u;

	if (at == NULL || (at = memchr(at, '"', (size_t)(end - at))) == NULL)
		return false;
	for (at++; at < end && *at != '"'; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	*ret_seed = hash;
	return true;
}

static char *write_words(char *to, uint32_t state)
{
	for (int i = 1; i <= WORDS; i++) {
		uint32_t w = splitmix32(&state) % VOCABULARY;
		memcpy(to, vocabulary[w].letters, vocabulary[w].len);
		to += vocabulary[w].len;
		if (i % SENTENCE == 0)
			*to++ = '.';
		if (i < WORDS)
			*to++ = ' ';
	}
	return to;
}

size_t mock_reply(uint32_t seed, char out[MOCK_REPLY_MAX])
{
	char *to = out;

	to += sprintf(to,
		      "{\"id\":\"chatcmpl-%08" PRIx32 "\",\"object\":\"chat.completion\","
		      "\"created\":1700000000,\"model\":\"mock-1\",\"choices\":[{\"index\":0,"
		      "\"message\":{\"role\":\"assistant\",\"content\":\"",
		      seed);
	to = write_words(to, seed);
	to += sprintf(to,
		      "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
		      "\"completion_tokens\":%d,\"total_tokens\":%d}}",
		      WORDS, WORDS + 12);
	return (size_t)(to - out);
}
