/* Pure: chat completions as they stand on the wire. */
#ifndef DUET_LLM_WIRE_H
#define DUET_LLM_WIRE_H

#include <duet/llm.h>

/* The body of the request for chat; model if chat names none.  raw_body comes out as it is, with
 * "stream":true put in if stream is asked for and it does not say so.
 * -> 0, -EINVAL (words), -ENOMEM */
int duet__wire_request(const duet_chat *chat, const char *model, bool stream, duet_buf *body);

/* Takes text, reason and usage from the body of a success.  -> 0, DUET_EPROTO, DUET_ESERVER (it
 * holds an error), -ENOMEM */
int duet__wire_reply(duet_bytes body, duet_completion *out);

/* Takes usage from the body of a success of another endpoint.  -> the same */
int duet__wire_any(duet_bytes body, duet_completion *out);

/* One chunk of a stream: its text goes to *text (to be freed; NULL = none), reason and usage to
 * out.  -> as duet__wire_reply */
int duet__wire_chunk(duet_bytes data, char **text, size_t *len, duet_completion *out);

/* What an error's body says: words for people, and the code for programs ("" = none). */
void duet__wire_error(duet_bytes body, char *words, size_t words_size, char *code,
		      size_t code_size);

#endif
