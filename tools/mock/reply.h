/* Pure: what the mock server answers.  Everything follows from the seed and the body, so that the
 * same question always gets the same answer. */
#ifndef TOOLS_MOCK_REPLY_H
#define TOOLS_MOCK_REPLY_H

#include "tools/text.h"

struct mock_question {
	uint64_t hash; /* of seed and body                    */
	duet_bytes body, model;
	bool is_stream, wants_usage, is_embedding, wants_base64;
	long max_tokens, prompt_tokens, dimensions;
};

/* Reads the body of a request.  -> NULL, or what is wrong with it */
const char *mock_reply_read(struct mock_question *q, uint64_t seed, duet_bytes body,
			    bool is_embedding);

/* The words of the answer, and how many tokens they count as. */
void mock_reply_words(const struct mock_question *q, struct text *words, long *tokens);

void mock_reply_chat(const struct mock_question *q, struct text *out);
void mock_reply_embeddings(const struct mock_question *q, struct text *out);
/* One piece of a stream: the part of the words from..to, or its end (role and text NULL). */
void mock_reply_chunk(const struct mock_question *q, const char *role, const char *part,
		      size_t part_len, const char *finish, struct text *out);
void mock_reply_usage_chunk(const struct mock_question *q, long tokens, struct text *out);

/* {"error": {...}} */
void mock_reply_error(const char *message, const char *type, const char *code, struct text *out);

#endif
