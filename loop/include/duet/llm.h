/* Chat completions from any server that speaks the OpenAI wire, with retries and limits.
 *
 *     duet_llm *llm = duet_llm_open(&(duet_llm_options){
 *             .base_url = "http://127.0.0.1:8080/v1", .model = "mock"});
 *     duet_completion answer;
 *     if (duet_llm_chat(llm, &(duet_chat){.prompt = "Hello"}, &answer) == 0)
 *             puts(answer.text);
 *     duet_completion_free(&answer);
 *     duet_llm_close(llm);
 *
 * Any number of tasks call at once.  A call waits for a place (.max_concurrent), for the budgets
 * (.rpm, .tpm) and for the end of a cool-down the server asked for; then it is sent, and sent again
 * after what may pass: no connection, a broken one, 408, 409, 429, 5xx.  Between attempts it waits
 * as long as the server says (Retry-After, retry-after-ms), else 0.5 s doubling to 8 s, at random
 * between nothing and that.  All attempts of one call carry the same Idempotency-Key.
 *
 * The key goes to the base URL's host only, never over plain http except to this machine, and is
 * in no message and no log. */
#ifndef DUET_LLM_H
#define DUET_LLM_H

#include <duet/api.h>
#include <duet/bytes.h>
#include <duet/http.h>
#include <duet/time.h>

typedef struct duet_llm duet_llm;

/* Every field may be 0 for its default.  Strings are copied. */
typedef struct duet_llm_options {
	const char *base_url; /* up to and with /v1 ("/chat/completions" behind it is dropped);
	                         NULL = OPENAI_BASE_URL, else https://api.openai.com/v1          */
	const char *api_key;  /* NULL = OPENAI_API_KEY; "" = none                                */
	const char *model;    /* for chats that name none                                        */
	const char *organization; /* NULL = OPENAI_ORG_ID                                        */
	const char *project;      /* NULL = OPENAI_PROJECT_ID                                    */

	size_t max_concurrent; /* requests in flight at most; 0 = found out: grows from 8 while
	                          the server copes, to 256.  Throttled, it halves either way     */
	double rpm;            /* requests a minute; 0 = no limit but the server's               */
	double tpm;            /* tokens a minute, prompt and answer; 0 = the same               */
	int retries;           /* attempts after the first; 0 = 2, -1 = none                     */
	bool outlast_throttling;   /* answers 429 and 503 use up no retries, for as long as
	                            .max_retry_after from the call on: for batches            */
	duet_time max_retry_after; /* a server that asks for a longer pause is not waited for;
	                              0 = 10 min                                                 */

	duet_time connect_timeout; /* 0 = 5 s                                                    */
	duet_time timeout;         /* of each attempt; 0 = 10 min                                */
	duet_time stall_timeout;   /* silence within an answer, once it has begun; 0 = 60 s      */
	size_t max_body;           /* 0 = 64 MiB                                                 */

	const char *proxy, *ca_file; /* as in duet_http_options                                  */
	bool insecure;               /* DANGER: as in duet_http_options                          */
	uint64_t seed;               /* of the random waits; 0 = from the system                 */
} duet_llm_options;

typedef struct duet_message {
	const char *role, *content; /* UTF-8 */
} duet_message;

/* What to ask.  All pointers are lent for the call; text is UTF-8. */
typedef struct duet_chat {
	const char *model;  /* NULL = the client's                                               */
	const char *system; /* NULL = none                                                       */
	const char *prompt; /* the user's message                                                */
	const duet_message *messages; /* or a conversation: between system and prompt            */
	size_t message_count;
	int max_tokens;      /* 0 = the server's default                                          */
	double temperature;  /* 0 = the server's default; below 0 = exactly 0                     */
	duet_bytes extra;    /* more members of the body: a JSON object, such as {"top_p":0.5}    */
	duet_bytes raw_body; /* the whole body instead of all the above, sent byte for byte      */
	const char *path;    /* where raw_body goes, below the base URL: "/embeddings"; NULL =
	                        "/chat/completions".  The answer may then be any JSON, and is only
	                        in .raw; text is "".  Not for streams                        */
	const char *idempotency_key; /* NULL = a random one                                      */
} duet_chat;

/* The answer.  duet_llm_chat and duet_llm_stream always set it, so that a failed call can be
 * accounted for too: status, attempts, times, and raw as far as there was an answer. */
typedef struct duet_completion {
	char *text; /* NUL-terminated; after a success never NULL                                     */
	size_t text_len;
	int status;   /* HTTP status of the last attempt; 0 = it got none                        */
	int attempts; /* requests that went out, with those sent again on a fresh connection     */
	int64_t prompt_tokens, completion_tokens; /* as the server counts; -1 = it did not say   */
	duet_time queue_time;   /* waited: place, budgets, cool-down, between attempts           */
	duet_time service_time; /* the last attempt, from sent to read                           */
	duet_time first_token;  /* of a stream: from sent to the first text; else 0              */
	char finish_reason[24]; /* "stop", "length", ... or ""                                   */
	char request_id[64];    /* the server's x-request-id, or ""                              */
	duet_buf raw;           /* the body as it came; empty for a stream                       */
} duet_completion;

typedef struct duet_llm_stats_t {
	size_t active, queued; /* requests in flight, calls that wait for a place                */
	double limit;          /* places now                                                     */
	double rpm, tpm;       /* budgets now: the caller's, or learned from x-ratelimit-*;
	                          0 = none known                                                 */
	duet_time cooldown;    /* what is left of the pause the server asked for                 */
	uint64_t done, failed; /* calls                                                          */
	uint64_t retries;      /* attempts after the first                                       */
	uint64_t throttled;    /* answers 429                                                    */
} duet_llm_stats_t;

DUET_BEGIN_DECLS

/* o may be NULL.  Open pools first (see duet_http_open).
 * -> a client, or NULL with errno ENOMEM or EINVAL (the words say which option) */
DUET_API duet_llm *duet_llm_open(const duet_llm_options *o);

/* NULL is fine.  Calls that are under way fail with DUET_ECLOSED.  Does not suspend. */
DUET_API void duet_llm_close(duet_llm *l);

/* One completion.  Sets *out in any case; free it in any case.
 * -> 0, an error as of duet_http_fetch after the last attempt, or
 *    DUET_ERATE     still throttled (429), or told to wait longer than .max_retry_after
 *    DUET_EQUOTA    the account's quota is used up: not tried again
 *    DUET_EAUTH     401 or 403: not tried again
 *    DUET_EREQUEST  another 4xx, or a redirect: not tried again
 *    DUET_ESERVER   5xx
 *    DUET_EPROTO    status 200, but no chat completion: the words quote it
 *    -EINVAL        text that is no UTF-8, no model, no prompt: nothing was sent */
DUET_SUSPENDS DUET_API int duet_llm_chat(duet_llm *l, const duet_chat *chat, duet_completion *out);

/* The same, with on_token called in this task for each piece of text as it comes; it may suspend,
 * which slows the sender.  Below zero, its result ends the call and becomes its result.  The whole
 * text is in out->text too, also as far as it came before an error.  A stream that ends without
 * its [DONE] is DUET_EPROTO; after the first piece nothing is tried again.  on_token may be NULL. */
DUET_SUSPENDS DUET_API int duet_llm_stream(duet_llm *l, const duet_chat *chat,
					   int (*on_token)(void *context, const char *text,
							   size_t len),
					   void *context, duet_completion *out);

/* Frees what c holds and clears it.  NULL and a cleared one are fine. */
DUET_API void duet_completion_free(duet_completion *c);

/* How the client stands.  -> 0, -EINVAL */
DUET_API int duet_llm_stats(const duet_llm *l, duet_llm_stats_t *out);

DUET_END_DECLS

#endif
