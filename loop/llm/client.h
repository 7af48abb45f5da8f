/* The chat client from the inside.
 *
 *     llm.c    options, life, statistics          call.c    one call: attempts and the waits between
 *     chat.c   an attempt read whole              stream.c  an attempt read as it comes
 *     pace.c   places, budgets, cool-downs        wire.c, retry.c   pure: text in, text out */
#ifndef DUET_LLM_CLIENT_H
#define DUET_LLM_CLIENT_H

#include "loop/llm/pace.h"
#include <duet/llm.h>

struct duet_llm {
	duet_http *http;
	char *url;           /* of the endpoint                                             */
	size_t base_len;     /* of its part up to /v1                                       */
	char *model;         /* or NULL                                                     */
	char *authorization; /* the header with the key, or NULL; wiped before it is freed  */
	char *organization;  /* headers, or NULL                                            */
	char *project;
	int retries;
	bool outlast_throttling;
	duet_time timeout, stall_timeout, longest_pause;
	duet__pace pace;
	unsigned references; /* the opener, and every call under way                        */
	bool closed;
	uint64_t done, failed, retried, throttled;
};

enum { CALL_HEADERS = 8 };

/* What an attempt came to. */
typedef struct duet__verdict {
	int code;   /* 0, or an error; its words are in the call                      */
	bool again; /* another attempt may do better                                  */
	bool throttled;
	duet_time pause; /* that the server asked for; -1 = it did not                     */
} duet__verdict;

typedef struct duet__call {
	duet_llm *llm;
	const duet_chat *chat;
	duet_completion *out;
	duet_buf body;
	char *url; /* of another endpoint than chat completions, or NULL               */
	const char *headers[CALL_HEADERS];
	char key_header[96]; /* Idempotency-Key                                             */
	duet_http_request request;
	double estimate; /* tokens taken from the budget                                    */
	duet_time began, sent_at;
	char words[400]; /* of the last error                                               */
	int (*on_token)(void *context, const char *text, size_t len);
	void *context;
	size_t text_room; /* behind out->text                                               */
} duet__call;

/* The whole of a call: waits its turn and makes attempts until one ends it. */
int duet__call_run(duet__call *c, bool stream, duet__verdict (*attempt)(duet__call *c));

/* For attempts: notes what happened.  header finds a header of the answer. */
typedef const char *duet__header_fn(const void *answer, const char *name);
duet__verdict duet__call_judge_code(duet__call *c, int code);
duet__verdict duet__call_judge_status(duet__call *c, int status, duet_bytes body,
				      const void *answer, duet__header_fn *header);
void duet__call_note_headers(duet__call *c, const void *answer, duet__header_fn *header);

void duet__llm_unref(duet_llm *l);

#endif
