#include "tools/mock/reply.h"

#include <duet/json.h>
#include <strings.h>

#define CREATED "1700000000"

/* --- the question --- */

static bool is_word(duet_bytes value, const char *word)
{
	return value.len == strlen(word) && memcmp(value.data, word, value.len) == 0;
}

static void take_number(duet_bytes body, const char *path, long *out)
{
	duet_bytes value;
	int64_t n;

	if (duet_json_find(body, path, &value) == 0 && duet_json_int(value, &n) == 0 && n > 0)
		*out = n < 1000000 ? (long)n : 1000000;
}

static bool has_model(struct mock_question *q)
{
	return duet_json_find(q->body, "model", &q->model) == 0 &&
	       *(const char *)q->model.data == '"' && q->model.len > 2;
}

const char *mock_reply_read(struct mock_question *q, uint64_t seed, duet_bytes body,
			    bool is_embedding)
{
	duet_bytes value;

	*q = (struct mock_question){.body = body, .is_embedding = is_embedding};
	if (duet_json_check(body) < 0)
		return "the body is not valid JSON";
	q->hash = text_hash(text_mix(seed + 1), body.data, body.len);
	if (!has_model(q))
		return "you must provide a model parameter";
	if (duet_json_find(body, is_embedding ? "input" : "messages", &value) < 0)
		return is_embedding ? "you must provide an input parameter"
				    : "you must provide a messages parameter";
	if (!is_embedding && (*(const char *)value.data != '[' || value.len < 3))
		return "messages must be an array that is not empty";
	q->prompt_tokens = 4 + (long)value.len / 4;
	q->dimensions = 16;
	take_number(body, "max_tokens", &q->max_tokens);
	take_number(body, "max_completion_tokens", &q->max_tokens);
	take_number(body, "dimensions", &q->dimensions);
	if (q->dimensions > 4096)
		return "dimensions must be at most 4096";
	q->is_stream = duet_json_find(body, "stream", &value) == 0 && is_word(value, "true");
	q->wants_usage = duet_json_find(body, "stream_options.include_usage", &value) == 0 &&
			 is_word(value, "true");
	q->wants_base64 = duet_json_find(body, "encoding_format", &value) == 0 &&
			  is_word(value, "\"base64\"");
	return NULL;
}

/* --- the words --- */

static const char *const lexicon[] = {
	"rivers",  "carry",  "light",  "across", "quiet",   "stones", "and",   "every",
	"morning", "brings", "a",      "small",  "answer",  "to",     "the",   "garden",
	"where",   "old",    "trees",  "count",  "their",   "years",  "in",    "rings",
	"of",      "amber",  "while",  "birds",  "repeat",  "simple", "songs", "about",
	"rain",    "roads",  "lead",   "home",   "under",   "clear",  "stars", "winds",
	"turn",    "pages",  "slowly", "for",    "readers", "who",    "ask",   "again",
	"what",    "time",   "means",  "when",   "nobody",  "waits",  "near",  "harbour",
	"lamps",   "burn",   "until",  "ships",  "return",  "with",   "news",  "today"};

enum { WORDS = sizeof lexicon / sizeof *lexicon };

static bool mentions(const struct mock_question *q, const char *word)
{
	const char *p = q->body.data;
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= q->body.len; i++)
		if (strncasecmp(p + i, word, n) == 0)
			return true;
	return false;
}

static long add_words(uint64_t h, long count, struct text *t)
{
	for (long i = 0; i < count; i++) {
		h = text_mix(h + UINT64_C(0x9e3779b97f4a7c15));
		text_puts(t, i > 0 ? " " : "");
		text_puts(t, lexicon[h % WORDS]);
	}
	return count;
}

void mock_reply_words(const struct mock_question *q, struct text *words, long *tokens)
{
	uint64_t h = text_mix(q->hash);
	long count = 8 + (long)(h % 40);

	if (q->max_tokens > 0 && count > q->max_tokens)
		count = q->max_tokens;
	if (mentions(q, "json")) {
		text_puts(words, "{\"answer\": \"");
		*tokens = 8 + add_words(h, count > 6 ? 6 : count, words);
		text_printf(words, "\", \"score\": %u}", (unsigned)(h >> 32) % 100);
	} else if (mentions(q, "code")) {
		*tokens = 20 + add_words(h, 3, words);
		text_printf(words, ":\n```c\nint answer(void)\n{\n\treturn %u;\n}\n```\n",
			    (unsigned)(h >> 32) % 1000);
	} else {
		*tokens = add_words(h, count, words);
		text_puts(words, ".");
	}
}

/* --- the answers --- */

static void add_usage(const struct mock_question *q, long tokens, struct text *out)
{
	text_printf(out, "{\"prompt_tokens\":%ld,\"completion_tokens\":%ld,\"total_tokens\":%ld}",
		    q->prompt_tokens, tokens, q->prompt_tokens + tokens);
}

void mock_reply_chat(const struct mock_question *q, struct text *out)
{
	struct text words = {0};
	long tokens;

	mock_reply_words(q, &words, &tokens);
	text_printf(
		out,
		"{\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion\",\"created\":" CREATED
		",\"model\":",
		(unsigned long long)q->hash);
	text_json(out, q->model);
	text_puts(out,
		  ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
	text_quote(out, words.data, words.len);
	text_puts(out, ",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
		       "\"usage\":");
	add_usage(q, tokens, out);
	text_puts(out, "}");
	text_free(&words);
}

static void add_base64(struct text *out, const unsigned char *p, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (left > 2 ? p[i + 2] : 0);
		char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
				left > 1 ? digits[v >> 6 & 63] : '=',
				left > 2 ? digits[v & 63] : '='};

		text_add(out, four, 4);
	}
}

static void add_vector(const struct mock_question *q, uint64_t h, struct text *out)
{
	text_puts(out, q->wants_base64 ? "\"" : "[");
	for (long i = 0; i < q->dimensions; i += 3) {
		float three[3];
		long n = q->dimensions - i < 3 ? q->dimensions - i : 3;

		for (long k = 0; k < n; k++) {
			h = text_mix(h + UINT64_C(0x9e3779b97f4a7c15));
			three[k] = (float)(int32_t)(h >> 40) / 8388608.0f - 1.0f;
			if (!q->wants_base64)
				text_printf(out, "%s%.6f", i + k > 0 ? "," : "", (double)three[k]);
		}
		if (q->wants_base64)
			add_base64(out, (unsigned char *)three, (size_t)n * sizeof *three);
	}
	text_puts(out, q->wants_base64 ? "\"" : "]");
}

static bool next_input(duet_bytes input, int i, duet_bytes *item)
{
	char path[16];

	if (*(const char *)input.data != '[') {
		*item = input;
		return i == 0;
	}
	snprintf(path, sizeof path, "%d", i);
	return duet_json_find(input, path, item) == 0;
}

void mock_reply_embeddings(const struct mock_question *q, struct text *out)
{
	duet_bytes input, item;

	if (duet_json_find(q->body, "input", &input) < 0)
		return;
	text_puts(out, "{\"object\":\"list\",\"data\":[");
	for (int i = 0; i < 2048 && next_input(input, i, &item); i++) {
		text_printf(out, "%s{\"object\":\"embedding\",\"index\":%d,\"embedding\":",
			    i > 0 ? "," : "", i);
		add_vector(q, text_hash(q->hash, item.data, item.len), out);
		text_puts(out, "}");
	}
	text_puts(out, "],\"model\":");
	text_json(out, q->model);
	text_printf(out, ",\"usage\":{\"prompt_tokens\":%ld,\"total_tokens\":%ld}}",
		    q->prompt_tokens, q->prompt_tokens);
}

static void begin_chunk(const struct mock_question *q, struct text *out)
{
	text_printf(out,
		    "data: {\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion.chunk\","
		    "\"created\":" CREATED ",\"model\":",
		    (unsigned long long)q->hash);
	text_json(out, q->model);
}

void mock_reply_chunk(const struct mock_question *q, const char *role, const char *part,
		      size_t part_len, const char *finish, struct text *out)
{
	begin_chunk(q, out);
	text_puts(out, ",\"choices\":[{\"index\":0,\"delta\":{");
	if (role != NULL)
		text_printf(out, "\"role\":\"%s\"%s", role, part != NULL ? "," : "");
	if (part != NULL) {
		text_puts(out, "\"content\":");
		text_quote(out, part, part_len);
	}
	text_puts(out, "},\"logprobs\":null,\"finish_reason\":");
	if (finish != NULL)
		text_printf(out, "\"%s\"}]}\n\n", finish);
	else
		text_puts(out, "null}]}\n\n");
}

void mock_reply_usage_chunk(const struct mock_question *q, long tokens, struct text *out)
{
	begin_chunk(q, out);
	text_puts(out, ",\"choices\":[],\"usage\":");
	add_usage(q, tokens, out);
	text_puts(out, "}\n\n");
}

void mock_reply_error(const char *message, const char *type, const char *code, struct text *out)
{
	text_puts(out, "{\"error\":{\"message\":");
	text_quote(out, message, strlen(message));
	text_printf(out, ",\"type\":\"%s\",\"param\":null,\"code\":", type);
	if (code != NULL)
		text_printf(out, "\"%s\"}}", code);
	else
		text_puts(out, "null}}");
}
