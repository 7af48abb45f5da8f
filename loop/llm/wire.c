#include "loop/llm/wire.h"

#include "loop/core/fail.h"
#include "loop/json/build.h"
#include "loop/json/find.h"
#include "loop/json/tree.h"
#include <duet/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUOTED = 200 };

/* --- request --- */

static void put_name(duet__build *b, const char *name)
{
	duet__build_text(b, b->len > 1 ? ",\"" : "\"");
	duet__build_text(b, name);
	duet__build_text(b, "\":");
}

static void put_message(duet__build *b, bool *first, const char *role, const char *content)
{
	if (content == NULL)
		return;
	duet__build_text(b, *first ? "{\"role\":" : ",{\"role\":");
	duet__build_quoted(b, DUET_STR(role != NULL ? role : "user"));
	duet__build_text(b, ",\"content\":");
	duet__build_quoted(b, DUET_STR(content));
	duet__build_text(b, "}");
	*first = false;
}

static void put_messages(duet__build *b, const duet_chat *chat)
{
	bool first = true;

	put_name(b, "messages");
	duet__build_text(b, "[");
	put_message(b, &first, "system", chat->system);
	for (size_t i = 0; i < chat->message_count; i++)
		put_message(b, &first, chat->messages[i].role, chat->messages[i].content);
	put_message(b, &first, "user", chat->prompt);
	duet__build_text(b, "]");
}

static void put_parameters(duet__build *b, const duet_chat *chat, bool stream)
{
	if (chat->max_tokens > 0) {
		put_name(b, "max_tokens");
		duet__build_int(b, chat->max_tokens);
	}
	if (chat->temperature != 0) {
		put_name(b, "temperature");
		duet__build_double(b, chat->temperature > 0 ? chat->temperature : 0);
	}
	if (stream)
		duet__build_text(b, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
}

/* The members of a JSON object, without its braces; "" if there are none. */
static duet_bytes members_of(duet_bytes object)
{
	duet_bytes first, whole;
	const char *p;

	duet__json_find(object, "", &whole);
	p = (const char *)whole.data + 1;
	first = DUET_BYTES(p, whole.len - 2);
	for (size_t i = 0; i < first.len; i++)
		if (strchr(" \t\r\n", p[i]) == NULL)
			return first;
	return DUET_BYTES("", 0);
}

static int check_object(duet_bytes text, const char *what)
{
	duet_bytes whole;

	if (duet_json_check(text) < 0)
		return duet__failf(DUET_EINVAL, "%s is not valid JSON", what);
	duet__json_find(text, "", &whole);
	if (*(const char *)whole.data != '{')
		return duet__failf(DUET_EINVAL, "%s is no JSON object", what);
	return 0;
}

static int check_chat(const duet_chat *chat, const char *model)
{
	if (model == NULL || *model == '\0')
		return duet__failf(DUET_EINVAL, "no model is named");
	if (chat->prompt == NULL && chat->message_count == 0)
		return duet__failf(DUET_EINVAL, "there is no prompt and no message");
	if (chat->message_count > 0 && chat->messages == NULL)
		return duet__failf(DUET_EINVAL, "the messages are NULL");
	if (!isfinite(chat->temperature))
		return duet__failf(DUET_EINVAL, "the temperature is no number");
	return chat->extra.len > 0 ? check_object(chat->extra, ".extra") : 0;
}

static int build_chat(const duet_chat *chat, const char *model, bool stream, duet_buf *body)
{
	duet__build b = {0};
	duet_bytes extra = {0};
	int r;

	if ((r = check_chat(chat, model)) < 0)
		return r;
	if (chat->extra.len > 0)
		extra = members_of(chat->extra);
	duet__build_text(&b, "{");
	put_name(&b, "model");
	duet__build_quoted(&b, DUET_STR(model));
	put_messages(&b, chat);
	put_parameters(&b, chat, stream);
	if (extra.len > 0) {
		duet__build_text(&b, ",");
		duet__build_raw(&b, extra.data, extra.len);
	}
	duet__build_text(&b, "}");
	r = duet__build_end(&b, body);
	return r == DUET_EJSON ? duet__failf(DUET_EINVAL, "the text of the chat is not UTF-8") : r;
}

static bool is_word(duet_bytes value, const char *word)
{
	return value.len == strlen(word) && memcmp(value.data, word, value.len) == 0;
}

static int build_raw_stream(duet_bytes raw, duet_buf *body)
{
	duet__build b = {0};
	duet_bytes stream, members;
	int r;

	if ((r = check_object(raw, ".raw_body")) < 0)
		return r;
	if (duet__json_find(raw, "stream", &stream)) {
		if (!is_word(stream, "true"))
			return duet__failf(DUET_EINVAL, ".raw_body says \"stream\", but not true");
		return duet_buf_copy(body, raw.data, raw.len);
	}
	members = members_of(raw);
	duet__build_text(&b, "{\"stream\":true");
	if (members.len > 0)
		duet__build_text(&b, ",");
	duet__build_raw(&b, members.data, members.len);
	duet__build_text(&b, "}");
	return duet__build_end(&b, body);
}

int duet__wire_request(const duet_chat *chat, const char *model, bool stream, duet_buf *body)
{
	if (chat->raw_body.len == 0)
		return build_chat(chat, chat->model != NULL ? chat->model : model, stream, body);
	if (stream)
		return build_raw_stream(chat->raw_body, body);
	return duet_buf_copy(body, chat->raw_body.data, chat->raw_body.len) < 0
		       ? duet__fail(DUET_ENOMEM)
		       : 0;
}

/* --- reply --- */

static int refuse(duet_bytes body, const char *why)
{
	int n = body.len < QUOTED ? (int)body.len : QUOTED;

	if (n == 0)
		return duet__failf(DUET_EPROTO, "the answer is no chat completion: it is empty");
	return duet__failf(DUET_EPROTO, "the answer is no chat completion (%s): %.*s", why, n,
			   (const char *)body.data);
}

static void take_count(duet_bytes usage, const char *name, int64_t *out)
{
	duet_bytes value;
	int64_t n;

	if (duet__json_find(usage, name, &value) && duet_json_int(value, &n) == 0 && n >= 0)
		*out = n;
}

static void take_usage(duet_bytes body, duet_completion *out)
{
	duet_bytes usage;

	if (!duet__json_find(body, "usage", &usage))
		return;
	take_count(usage, "prompt_tokens", &out->prompt_tokens);
	take_count(usage, "completion_tokens", &out->completion_tokens);
}

static void take_reason(duet_bytes choice, duet_completion *out)
{
	duet_bytes value;
	char *text;

	if (!duet__json_find(choice, "finish_reason", &value) ||
	    duet_json_text(value, &text, NULL) < 0)
		return;
	snprintf(out->finish_reason, sizeof(out->finish_reason), "%s", text);
	free(text);
}

/* The error that a success holds, if it does. */
static int look_for_error(duet_bytes body)
{
	char words[QUOTED + 1], code[64];
	duet_bytes error;

	if (!duet__json_find(body, "error", &error) || is_word(error, "null"))
		return 0;
	duet__wire_error(body, words, sizeof(words), code, sizeof(code));
	return duet__failf(DUET_ESERVER, "the server reports an error%s%s: %s",
			   *code != '\0' ? " " : "", code, words);
}

static int check_body(duet_bytes body)
{
	char why[120];

	if (duet_json_check(body) == 0)
		return look_for_error(body);
	snprintf(why, sizeof(why), "%s", duet_errmsg());
	return refuse(body, why);
}

/* A string, or null (a tool call has no text). */
static int take_text(duet_bytes message, duet_bytes body, char **text, size_t *len)
{
	duet_bytes content;
	int r;

	if (!duet__json_find(message, "content", &content) || is_word(content, "null"))
		return 0;
	r = duet_json_text(content, text, len);
	return r == DUET_EINVAL ? refuse(body, "its content is no string") : r;
}

int duet__wire_reply(duet_bytes body, duet_completion *out)
{
	duet_bytes choice, message;
	int r;

	if ((r = check_body(body)) < 0)
		return r;
	if (!duet__json_find(body, "choices.0", &choice) ||
	    !duet__json_find(choice, "message", &message))
		return refuse(body, "there is no choices[0].message");
	if ((r = take_text(message, body, &out->text, &out->text_len)) < 0)
		return r;
	take_reason(choice, out);
	take_usage(body, out);
	return 0;
}

int duet__wire_any(duet_bytes body, duet_completion *out)
{
	duet_bytes usage;
	int r = check_body(body);

	if (r < 0)
		return r;
	take_usage(body, out);
	if (duet_json_find(body, "usage", &usage) == 0) {
		take_count(usage, "input_tokens", &out->prompt_tokens);
		take_count(usage, "output_tokens", &out->completion_tokens);
	}
	if (out->prompt_tokens >= 0 && out->completion_tokens < 0)
		out->completion_tokens = 0; /* embeddings have none */
	return 0;
}

int duet__wire_chunk(duet_bytes data, char **text, size_t *len, duet_completion *out)
{
	duet_bytes choice, delta;
	int r;

	*text = NULL;
	if ((r = check_body(data)) < 0)
		return r;
	take_usage(data, out);
	if (!duet__json_find(data, "choices.0", &choice))
		return 0; /* the last chunk, with the usage */
	take_reason(choice, out);
	if (!duet__json_find(choice, "delta", &delta))
		return 0;
	return take_text(delta, data, text, len);
}

/* --- errors: {"error": {"message", "type", "code"}}, {"error": "..."}, {"detail": "..."} ... --- */

static const char *first_string(const cJSON *object, const char *const names[])
{
	for (; *names != NULL; names++) {
		const char *text = duet__json_string(object, *names);

		if (text != NULL && *text != '\0')
			return text;
	}
	return NULL;
}

static void read_error(const cJSON *tree, const char **words, const char **code)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(tree, "error");

	if (cJSON_IsString(error))
		*words = cJSON_GetStringValue(error);
	else
		*words = first_string(cJSON_IsObject(error) ? error : tree,
				      (const char *const[]){"message", "detail", "error", NULL});
	*code = first_string(cJSON_IsObject(error) ? error : tree,
			     (const char *const[]){"code", "type", NULL});
}

void duet__wire_error(duet_bytes body, char *words, size_t words_size, char *code, size_t code_size)
{
	const char *found_words = NULL, *found_code = NULL;
	cJSON *tree = NULL;

	if (duet__json_tree(body, &tree) == 0)
		read_error(tree, &found_words, &found_code);
	snprintf(code, code_size, "%s", found_code != NULL ? found_code : "");
	if (found_words != NULL)
		snprintf(words, words_size, "%s", found_words);
	else
		snprintf(words, words_size, "%.*s", body.len < QUOTED ? (int)body.len : QUOTED,
			 body.len > 0 ? (const char *)body.data : "");
	cJSON_Delete(tree);
}
