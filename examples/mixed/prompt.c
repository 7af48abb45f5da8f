/* A strict JSON reader that builds nothing: it only walks over values, and remembers where the one
 * it is asked for stands. */
#include "prompt.h"

#include <stdbool.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

struct cursor {
	const char *at, *end;
};

static bool skip_value(struct cursor *c, int depth);

static char peek(const struct cursor *c)
{
	return c->at < c->end ? *c->at : '\0';
}

static void skip_space(struct cursor *c)
{
	while (c->at < c->end && strchr(" \t\r\n", *c->at) != NULL && *c->at != '\0')
		c->at++;
}

static bool skip_char(struct cursor *c, char expected)
{
	skip_space(c);
	if (peek(c) != expected)
		return false;
	c->at++;
	return true;
}

static bool skip_word(struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
		return false;
	c->at += len;
	return true;
}

static bool skip_digits(struct cursor *c)
{
	const char *start = c->at;

	while (peek(c) >= '0' && peek(c) <= '9')
		c->at++;
	return c->at > start;
}

static bool skip_number(struct cursor *c)
{
	skip_word(c, "-");
	if (!skip_word(c, "0") && !skip_digits(c))
		return false;
	if (skip_word(c, ".") && !skip_digits(c))
		return false;
	if (skip_word(c, "e") || skip_word(c, "E")) {
		if (!skip_word(c, "+"))
			skip_word(c, "-");
		return skip_digits(c);
	}
	return true;
}

static bool skip_escape(struct cursor *c)
{
	char kind = peek(c);

	if (kind == '\0' || strchr("\"\\/bfnrtu", kind) == NULL)
		return false;
	c->at++;
	for (int i = 0; kind == 'u' && i < 4; i++, c->at++) {
		if (peek(c) == '\0' || strchr("0123456789abcdefABCDEF", peek(c)) == NULL)
			return false;
	}
	return true;
}

/* The length of the UTF-8 sequence at the cursor, or 0 if it is not one. */
static size_t utf8_len(const struct cursor *c)
{
	unsigned char lead = (unsigned char)*c->at;
	size_t len = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

	if (len == 0 || lead > 0xF4 || (size_t)(c->end - c->at) < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if (((unsigned char)c->at[i] & 0xC0) != 0x80)
			return 0;
	unsigned char second = len > 1 ? (unsigned char)c->at[1] : 0;
	if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
	    (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
		return 0;
	return len;
}

static bool skip_string(struct cursor *c)
{
	if (!skip_char(c, '"'))
		return false;
	while (c->at < c->end && (unsigned char)*c->at >= 0x20) {
		if (*c->at == '"') {
			c->at++;
			return true;
		}
		if (skip_word(c, "\\")) {
			if (!skip_escape(c))
				return false;
			continue;
		}
		size_t len = utf8_len(c);
		if (len == 0)
			return false;
		c->at += len;
	}
	return false;
}

static bool skip_array(struct cursor *c, int depth)
{
	skip_char(c, '[');
	if (skip_char(c, ']'))
		return true;
	do {
		if (!skip_value(c, depth + 1))
			return false;
	} while (skip_char(c, ','));
	return skip_char(c, ']');
}

/* A member's value is left in *prompt if its key is "prompt"; prompt may be NULL. */
static bool skip_member(struct cursor *c, int depth, duet_bytes *prompt)
{
	skip_space(c);
	const char *key = c->at;
	if (!skip_string(c))
		return false;
	size_t key_len = (size_t)(c->at - key);
	if (!skip_char(c, ':'))
		return false;
	skip_space(c);
	const char *value = c->at;
	if (!skip_value(c, depth + 1))
		return false;
	if (prompt != NULL && key_len == 8 && memcmp(key, "\"prompt\"", 8) == 0)
		*prompt = DUET_BYTES(value, (size_t)(c->at - value));
	return true;
}

static bool skip_object(struct cursor *c, int depth, duet_bytes *prompt)
{
	skip_char(c, '{');
	if (skip_char(c, '}'))
		return true;
	do {
		if (!skip_member(c, depth, prompt))
			return false;
	} while (skip_char(c, ','));
	return skip_char(c, '}');
}

static bool skip_value(struct cursor *c, int depth)
{
	if (depth > DEPTH_MAX)
		return false;
	skip_space(c);
	switch (peek(c)) {
	case '"':
		return skip_string(c);
	case '{':
		return skip_object(c, depth, NULL);
	case '[':
		return skip_array(c, depth);
	case 't':
		return skip_word(c, "true");
	case 'f':
		return skip_word(c, "false");
	case 'n':
		return skip_word(c, "null");
	default:
		return skip_number(c);
	}
}

const char *prompt_find(const char *line, size_t len, duet_bytes *ret_prompt)
{
	struct cursor c = {line, line + len};
	duet_bytes prompt = {0};
	bool valid;

	skip_space(&c);
	const char *start = c.at;
	if (peek(&c) == '{') {
		valid = skip_object(&c, 0, &prompt);
	} else {
		valid = skip_value(&c, 0);
		prompt = DUET_BYTES(start, (size_t)(c.at - start));
	}
	skip_space(&c);
	if (!valid || c.at != c.end)
		return "is not valid JSON";
	if (prompt.len == 0)
		return "has no \"prompt\"";
	if (*(const char *)prompt.data != '"')
		return "has a prompt that is not a string";
	*ret_prompt = prompt;
	return NULL;
}
