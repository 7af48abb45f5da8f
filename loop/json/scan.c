/* The strict scanner: one pass, no memory, no recursion.  The kind of each open container is one
 * bit of a word, which is where the 64 levels come from. */
#include "loop/core/fail.h"
#include "loop/json/utf8.h"

#include <duet/json.h>
#include <string.h>

typedef struct scan {
	const unsigned char *at, *end;
	uint64_t is_object; /* of the open containers, the innermost in bit 0 */
	int depth;
	const char *why;
} scan;

static bool refuse(scan *s, const char *why)
{
	s->why = why;
	return false;
}

static void skip_space(scan *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
		s->at++;
}

static bool is_digit(const scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool scan_digits(scan *s)
{
	if (!is_digit(s))
		return refuse(s, "a digit is missing");
	while (is_digit(s))
		s->at++;
	return true;
}

static bool scan_number(scan *s)
{
	if (*s->at == '-')
		s->at++;
	if (is_digit(s) && *s->at == '0') {
		s->at++;
		if (is_digit(s))
			return refuse(s, "a number begins with 0");
	} else if (!scan_digits(s)) {
		return false;
	}
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (s->at < s->end && (*s->at | 0x20) == 'e') {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		return scan_digits(s);
	}
	return true;
}

static bool scan_word(scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return refuse(s, "a value is missing");
	s->at += n;
	return true;
}

static bool is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Behind the backslash. */
static bool scan_escape(scan *s)
{
	unsigned char c = s->at < s->end ? *s->at++ : '\0';

	if (c != '\0' && strchr("\"\\/bfnrt", c) != NULL)
		return true;
	if (c != 'u')
		return refuse(s, "an escape is unknown");
	for (int i = 0; i < 4; i++)
		if (s->at == s->end || !is_hex(*s->at++))
			return refuse(s, "\\u needs four hexadecimal digits");
	return true;
}

static bool scan_string(scan *s)
{
	s->at++;
	for (;;) {
		size_t length;

		s->at += duet__plain_length(s->at, (size_t)(s->end - s->at));
		if (s->at == s->end)
			return refuse(s, "a string does not end");
		if (*s->at == '"') {
			s->at++;
			return true;
		}
		if (*s->at == '\\') {
			s->at++;
			if (!scan_escape(s))
				return false;
		} else if (*s->at < 0x20) {
			return refuse(s, "a string holds a raw control byte");
		} else if (*s->at == 0x7f) {
			s->at++;
		} else if ((length = duet__utf8_length(s->at, (size_t)(s->end - s->at))) == 0) {
			return refuse(s, "a string is not UTF-8");
		} else {
			s->at += length;
		}
	}
}

/* "name" and ':', and the space up to the value. */
static bool scan_name(scan *s)
{
	skip_space(s);
	if (s->at == s->end || *s->at != '"')
		return refuse(s, "a member needs a name in quotes");
	if (!scan_string(s))
		return false;
	skip_space(s);
	if (s->at == s->end || *s->at != ':')
		return refuse(s, "a colon is missing");
	s->at++;
	return true;
}

static bool open_container(scan *s, bool is_object)
{
	if (s->depth == DUET_JSON_DEPTH)
		return refuse(s, "it is nested deeper than 64 levels");
	s->depth++;
	s->is_object = s->is_object << 1 | (uint64_t)is_object;
	s->at++;
	skip_space(s);
	return true;
}

static bool close_container(scan *s)
{
	s->depth--;
	s->is_object >>= 1;
	s->at++;
	return true;
}

static bool is_at(const scan *s, unsigned char c)
{
	return s->at < s->end && *s->at == c;
}

/* Behind a value: closes what ends here, up to the next comma or the end of all. */
static bool scan_tail(scan *s, bool *more)
{
	*more = false;
	for (;;) {
		bool in_object = s->is_object & 1;

		skip_space(s);
		if (s->depth == 0)
			return s->at == s->end || refuse(s, "something follows the value");
		if (is_at(s, ',')) {
			s->at++;
			*more = true;
			return !in_object || scan_name(s);
		}
		if (!is_at(s, in_object ? '}' : ']'))
			return refuse(s, "a comma or a bracket is missing");
		close_container(s);
	}
}

/* A scalar, or the brackets that open a container up to its first value. */
static bool scan_head(scan *s, bool *more)
{
	*more = false;
	skip_space(s);
	if (s->at == s->end)
		return refuse(s, "a value is missing");
	switch (*s->at) {
	case '{':
		if (!open_container(s, true))
			return false;
		if (is_at(s, '}'))
			return close_container(s);
		*more = true;
		return scan_name(s);
	case '[':
		if (!open_container(s, false))
			return false;
		if (is_at(s, ']'))
			return close_container(s);
		*more = true;
		return true;
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		if (*s->at != '-' && !is_digit(s))
			return refuse(s, "a value is missing");
		return scan_number(s);
	}
}

static bool scan_all(scan *s)
{
	bool more = true;

	while (more) {
		if (!scan_head(s, &more))
			return false;
		if (!more && !scan_tail(s, &more))
			return false;
	}
	return true;
}

int duet_json_check(duet_bytes text)
{
	const unsigned char *start = text.data;
	scan s = {.at = start, .end = start + text.len};

	if (text.len == 0)
		return duet__failf(DUET_EJSON, "the text is empty");
	if (scan_all(&s))
		return 0;
	return duet__failf(DUET_EJSON, "%s, at byte %zu", s.why, (size_t)(s.at - start));
}
