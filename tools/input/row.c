#include "tools/input/row.h"

#include "tools/input/template.h"
#include "tools/text.h"
#include <duet/error.h>
#include <duet/json.h>
#include <stdarg.h>
#include <stdlib.h>

bool row_is_blank(const struct line *line)
{
	for (size_t i = 0; i < line->len; i++)
		if (strchr(" \t\r\v\f", line->data[i]) == NULL || line->data[i] == '\0')
			return false;
	return !line->is_long;
}

/* --- reading --- */

static bool find(duet_bytes object, const char *name, duet_bytes *value)
{
	return duet_json_find(object, name, value) == 0;
}

static char kind_of(duet_bytes value)
{
	return *(const char *)value.data;
}

static bool equals(duet_bytes value, const char *words)
{
	return value.len == strlen(words) && memcmp(value.data, words, value.len) == 0;
}

static int spoil(struct row *row, const char *format, ...) DUET_PRINTF(2, 3);
static int spoil(struct row *row, const char *format, ...)
{
	char words[300];
	va_list list;

	va_start(list, format);
	vsnprintf(words, sizeof words, format, list);
	va_end(list);
	free(row->problem);
	row->problem = strdup(words);
	return row->problem != NULL ? -EINVAL : -ENOMEM;
}

static int keep(char **to, size_t *to_len, const char *data, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, data, len);
	copy[len] = '\0';
	free(*to);
	*to = copy;
	if (to_len != NULL)
		*to_len = len;
	return 0;
}

/* custom_id: a string, or a number taken as it is written. */
static int take_id(struct row *row, duet_bytes object)
{
	duet_bytes value;
	char *text;
	size_t len;

	if (!find(object, "custom_id", &value) || equals(value, "null"))
		return 0;
	row->has_id = true;
	if (kind_of(value) == '"') {
		if (duet_json_text(value, &text, &len) < 0)
			return -ENOMEM;
		free(row->id);
		row->id = text;
		row->id_len = len;
	} else if (strchr("-0123456789", kind_of(value)) != NULL) {
		return keep(&row->id, &row->id_len, value.data, value.len);
	} else {
		return spoil(row, "custom_id is neither a string nor a number");
	}
	if (row->id_len == 0 || row->id_len > 512)
		return spoil(row, "custom_id is %s", row->id_len == 0 ? "empty" : "over 512 bytes");
	return 0;
}

static const char *path_of(duet_bytes url)
{
	static const char *const paths[] = {"/chat/completions", "/embeddings", "/completions",
					    "/responses", "/moderations"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		size_t n = strlen(paths[i]);

		if (url.len == n + 5 && memcmp(url.data, "\"/v1", 4) == 0 &&
		    memcmp((const char *)url.data + 4, paths[i], n) == 0)
			return paths[i];
	}
	return NULL;
}

/* --- building --- */

static void add_name(struct text *t, const char *name, size_t len)
{
	text_puts(t, t->len > 1 ? "," : "");
	text_quote(t, name, len);
	text_puts(t, ":");
}

static void add_string(struct text *t, const char *name, const char *value, size_t len)
{
	add_name(t, name, strlen(name));
	text_quote(t, value, len);
}

static void add_member(struct text *t, const char *member)
{
	size_t n = strcspn(member, "=");
	const char *value = member + n + 1;

	add_name(t, member, n);
	if (duet_json_check(DUET_STR(value)) == 0)
		text_json(t, DUET_STR(value));
	else
		text_quote(t, value, strlen(value));
}

int row_check_member(const char *member)
{
	size_t n = strcspn(member, "=");

	return n > 0 && member[n] == '=' && text_is_utf8(DUET_STR(member)) ? 0 : -EINVAL;
}

static int finish_body(struct row *row, struct text *t)
{
	if (t->is_short) {
		text_free(t);
		return -ENOMEM;
	}
	row->body = t->data;
	row->body_len = t->len;
	return 0;
}

/* Members that the rules and the row add to a body which is built. */
static void add_extras(struct text *t, const struct row_rules *rules, duet_bytes object)
{
	static const char *const taken[] = {"max_tokens", "temperature", "response_format"};
	duet_bytes value;

	if (rules->max_tokens > 0) {
		add_name(t, "max_tokens", 10);
		text_printf(t, "%ld", rules->max_tokens);
	}
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		if (object.len == 0 || !find(object, taken[i], &value) ||
		    (i == 0 && rules->max_tokens > 0))
			continue;
		add_name(t, taken[i], strlen(taken[i]));
		text_json(t, value);
	}
	for (size_t i = 0; i < rules->member_count; i++)
		add_member(t, rules->members[i]);
}

static void add_message(struct text *t, const char *role, const char *content, size_t len)
{
	text_printf(t, "%s{\"role\":\"%s\",\"content\":", t->data[t->len - 1] == '[' ? "" : ",",
		    role);
	text_quote(t, content, len);
	text_puts(t, "}");
}

static int add_system(struct text *t, const struct row_rules *rules, duet_bytes object)
{
	duet_bytes value;
	char *words;
	size_t len;

	if (object.len > 0 && find(object, "system", &value) && kind_of(value) == '"') {
		if (duet_json_text(value, &words, &len) < 0)
			return -ENOMEM;
		add_message(t, "system", words, len);
		free(words);
	} else if (rules->system != NULL) {
		add_message(t, "system", rules->system, strlen(rules->system));
	}
	return 0;
}

/* The chat for one prompt; object is the row, or empty for words. */
static int build_chat(struct row *row, const struct row_rules *rules, duet_bytes object,
		      const char *prompt, size_t len)
{
	struct text t = {0};
	duet_bytes model;

	text_puts(&t, "{");
	if (object.len > 0 && find(object, "model", &model) && kind_of(model) == '"') {
		add_name(&t, "model", 5);
		text_json(&t, model);
	} else if (rules->model != NULL) {
		add_string(&t, "model", rules->model, strlen(rules->model));
	} else {
		text_free(&t);
		row->lacks_model = true;
		return spoil(row, "no model is named: give -m MODEL");
	}
	add_name(&t, "messages", 8);
	text_puts(&t, "[");
	if (t.is_short || add_system(&t, rules, object) < 0) {
		text_free(&t);
		return -ENOMEM;
	}
	add_message(&t, "user", prompt, len);
	text_puts(&t, "]");
	add_extras(&t, rules, object);
	text_puts(&t, "}");
	row->path = "/chat/completions";
	return finish_body(row, &t);
}

/* The members of an object, without those named, each with a comma in front. */
static void add_members_except(struct text *t, duet_bytes object, const char *except)
{
	const char *p = (const char *)object.data + 1,
		   *end = (const char *)object.data + object.len;
	size_t name_len = strlen(except);

	while (p < end) {
		const char *start = p + strspn(p, " \t\r\n,");
		int depth = 0;
		bool in_string = false;

		if (*start == '}')
			return;
		for (p = start; p < end; p++) {
			if (in_string) {
				if (*p == '\\')
					p++;
				else if (*p == '"')
					in_string = false;
			} else if (*p == '"') {
				in_string = true;
			} else if (*p == '{' || *p == '[') {
				depth++;
			} else if (*p == '}' || *p == ']') {
				if (depth-- == 0)
					break;
			} else if (*p == ',' && depth == 0) {
				break;
			}
		}
		if (name_len > 0 && strncmp(start + 1, except, name_len) == 0 &&
		    start[1 + name_len] == '"')
			continue;
		text_puts(t, t->len > 1 ? "," : "");
		text_json(t, DUET_BYTES(start, (size_t)(p - start)));
	}
}

/* A body that stands in the line goes out byte for byte, unless something is missing in it or does
 * not belong there. */
static int copy_body(struct row *row, const struct row_rules *rules, duet_bytes body,
		     const char *except)
{
	struct text t = {0};
	duet_bytes value;
	bool needs_model = rules->model != NULL && !find(body, "model", &value);

	if (find(body, "stream", &value) && equals(value, "true"))
		return spoil(row, "\"stream\": true is not possible in a batch");
	if (!needs_model && *except == '\0') {
		text_json(&t, body);
		return finish_body(row, &t);
	}
	text_puts(&t, "{");
	if (needs_model)
		add_string(&t, "model", rules->model, strlen(rules->model));
	add_members_except(&t, body, except);
	text_puts(&t, "}");
	return finish_body(row, &t);
}

/* --- the forms --- */

static int parse_batch(struct row *row, const struct row_rules *rules, duet_bytes object,
		       duet_bytes body)
{
	duet_bytes value;

	if (find(object, "method", &value) && !equals(value, "\"POST\""))
		return spoil(row, "method is not \"POST\"");
	row->path = "/chat/completions";
	if (find(object, "url", &value) && (row->path = path_of(value)) == NULL) {
		row->path = "/chat/completions";
		return spoil(row, "url is none of /v1/chat/completions, /v1/embeddings, "
				  "/v1/completions, /v1/responses, /v1/moderations");
	}
	if (kind_of(body) != '{')
		return spoil(row, "body is no object");
	return copy_body(row, rules, body, "");
}

static int parse_body(struct row *row, const struct row_rules *rules, duet_bytes object)
{
	duet_bytes value;
	bool is_chat = find(object, "messages", &value);
	struct row_rules own = *rules;
	int r;

	row->path = is_chat ? "/chat/completions" : "/embeddings";
	if (find(object, "metadata", &value)) {
		struct text t = {0};

		text_json(&t, value);
		if (t.is_short)
			return -ENOMEM;
		row->metadata = t.data;
		r = copy_body(row, &own, object, "metadata");
	} else {
		r = copy_body(row, &own, object, "");
	}
	if (r < 0 || !row->has_id)
		return r;
	/* custom_id is ours, not the server's */
	struct text t = {0};
	text_puts(&t, "{");
	add_members_except(&t, DUET_BYTES(row->body, row->body_len), "custom_id");
	text_puts(&t, "}");
	free(row->body);
	row->body = NULL;
	return finish_body(row, &t);
}

static int parse_fields(struct row *row, const struct row_rules *rules, duet_bytes object)
{
	struct text prompt = {0};
	char missing[64];
	duet_bytes value;
	const char *template = rules->template;
	int r;

	if (template == NULL) {
		if (!find(object, "prompt", &value))
			return spoil(row, "neither body, messages, input nor prompt is in it");
		if (kind_of(value) != '"')
			return spoil(row, "prompt is no string");
		template = "{prompt}";
	}
	r = template_fill(template, object, true, &prompt, missing);
	if (r == -ENOENT)
		r = spoil(row, "the prompt asks for a field that is not there: %s", missing);
	else if (r == 0 && prompt.is_short)
		r = -ENOMEM;
	if (r == 0)
		r = build_chat(row, rules, object, prompt.data != NULL ? prompt.data : "",
			       prompt.len);
	text_free(&prompt);
	return r;
}

static int parse_words(struct row *row, const struct row_rules *rules, duet_bytes words)
{
	struct text prompt = {0};
	char missing[64];
	int r;

	if (memchr(words.data, '\0', words.len) != NULL)
		return spoil(row, "the line holds a NUL byte");
	if (!text_is_utf8(words))
		return spoil(row, "the line is not valid UTF-8");
	r = template_fill(rules->template != NULL ? rules->template : "{text}", words, false,
			  &prompt, missing);
	if (r == -ENOENT)
		r = spoil(row, "the prompt asks for {%s}, but a line of text has only {text}",
			  missing);
	else if (r == 0)
		r = prompt.is_short
			    ? -ENOMEM
			    : build_chat(row, rules, DUET_BYTES(NULL, 0), prompt.data, prompt.len);
	text_free(&prompt);
	return r;
}

static int parse_object(struct row *row, const struct row_rules *rules, duet_bytes text)
{
	duet_bytes object, value;
	int r;

	if (duet_json_check(text) < 0)
		return spoil(row, "not valid JSON: %s", duet_errmsg());
	duet_json_find(text, "", &object);
	if (kind_of(object) != '{')
		return spoil(row, "the line is JSON, but no object");
	if ((r = take_id(row, object)) < 0)
		return r;
	if (find(object, "body", &value))
		return parse_batch(row, rules, object, value);
	if (rules->template == NULL &&
	    (find(object, "messages", &value) || find(object, "input", &value)))
		return parse_body(row, rules, object);
	return parse_fields(row, rules, object);
}

static int parse(struct row *row, const struct row_rules *rules, const struct line *line)
{
	duet_bytes text = DUET_BYTES(line->data, line->len);

	if (line->is_long)
		return spoil(row, "the line is longer than 16 MiB");
	return rules->is_text ? parse_words(row, rules, text) : parse_object(row, rules, text);
}

struct row *row_parse(const struct row_rules *rules, const struct line *line, uint64_t index)
{
	struct row *row = calloc(1, sizeof *row);
	int n;

	if (row == NULL)
		return NULL;
	row->index = index;
	row->line = line->number;
	row->path = "/chat/completions";
	n = asprintf(&row->id, "row-%zu", line->number);
	if (n < 0)
		row->id = NULL;
	row->id_len = n > 0 ? (size_t)n : 0;
	if (n < 0 || parse(row, rules, line) == -ENOMEM) {
		row_free(row);
		return NULL;
	}
	row->key = text_hash(0, row->id, row->id_len);
	row->key = text_hash(row->key, row->path, strlen(row->path));
	row->key = text_hash(row->key, row->body, row->body_len);
	if (row->problem != NULL) /* the line itself is what must not change */
		row->key = text_hash(row->key, line->data, line->len);
	if (row->key == 0)
		row->key = 1;
	return row;
}

void row_free(struct row *row)
{
	if (row == NULL)
		return;
	free(row->id);
	free(row->body);
	free(row->metadata);
	free(row->problem);
	free(row);
}

int row_peek_id(const struct line *line, char **id, size_t *len)
{
	struct row row = {0};
	duet_bytes text = DUET_BYTES(line->data, line->len), object;
	int r;

	if (line->is_long || duet_json_check(text) < 0 || duet_json_find(text, "", &object) < 0 ||
	    kind_of(object) != '{')
		return -ENOENT;
	r = take_id(&row, object);
	if (r == 0 && row.has_id) {
		*id = row.id;
		*len = row.id_len;
		return 0;
	}
	free(row.id);
	free(row.problem);
	return r == -ENOMEM ? r : -ENOENT;
}
