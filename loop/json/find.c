/* Finding a value in text that the scanner has passed: no byte of it is looked at that need not
 * be, and nothing is copied. */
#include "loop/json/find.h"

#include "loop/core/fail.h"
#include <duet/json.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* Whether an odd number of backslashes stands before the quote. */
static bool is_escaped(const char *quote)
{
	const char *p = quote;

	while (p[-1] == '\\')
		p--;
	return (quote - p) % 2 != 0;
}

/* p at the opening quote, which also ends is_escaped's way back.  -> behind the closing one */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; (p = memchr(p, '"', (size_t)(end - p))) != NULL; p++)
		if (!is_escaped(p))
			return p + 1;
	return end;
}

static const char *skip_container(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		switch (*p) {
		case '"':
			p = skip_string(p, end);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (--depth == 0)
				return p + 1;
			break;
		default:
			break;
		}
		p++;
	}
	return end;
}

static const char *skip_value(const char *p, const char *end)
{
	if (p < end && *p == '"')
		return skip_string(p, end);
	if (p < end && (*p == '{' || *p == '['))
		return skip_container(p, end);
	while (p < end && strchr(",]} \n\r\t", *p) == NULL)
		p++;
	return p;
}

/* name is in quotes, in the text's own escapes. */
static bool is_named(duet_bytes name, const char *want, size_t n)
{
	char *decoded;
	size_t len;
	bool same;

	if (memchr(name.data, '\\', name.len) == NULL)
		return name.len == n + 2 && memcmp((const char *)name.data + 1, want, n) == 0;
	if (duet_json_text(name, &decoded, &len) < 0)
		return false;
	same = len == n && memcmp(decoded, want, n) == 0;
	free(decoded);
	return same;
}

static bool find_member(const char *p, const char *end, const char *want, size_t n, duet_bytes *out)
{
	bool found = false;

	p = skip_space(p + 1, end);
	while (p < end && *p == '"') {
		const char *name = p, *value;
		size_t name_len;

		p = skip_string(p, end);
		name_len = (size_t)(p - name);
		p = skip_space(p, end) + 1; /* the colon */
		value = skip_space(p, end);
		p = skip_value(value, end);
		if (is_named(DUET_BYTES(name, name_len), want, n)) {
			*out = DUET_BYTES(value, (size_t)(p - value));
			found = true;
		}
		p = skip_space(p, end);
		if (p < end && *p == ',')
			p = skip_space(p + 1, end);
	}
	return found;
}

static bool find_element(const char *p, const char *end, const char *want, size_t n,
			 duet_bytes *out)
{
	size_t index = 0;

	if (n == 0 || n > 9)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (want[i] < '0' || want[i] > '9')
			return false;
		index = index * 10 + (size_t)(want[i] - '0');
	}
	p = skip_space(p + 1, end);
	while (p < end && *p != ']') {
		const char *value = p;

		p = skip_value(value, end);
		if (index-- == 0) {
			*out = DUET_BYTES(value, (size_t)(p - value));
			return true;
		}
		p = skip_space(p, end);
		if (p < end && *p == ',')
			p = skip_space(p + 1, end);
	}
	return false;
}

static bool find_step(duet_bytes text, const char *want, size_t n, duet_bytes *out)
{
	const char *end = (const char *)text.data + text.len;
	const char *p = skip_space(text.data, end);

	if (p < end && *p == '{')
		return find_member(p, end, want, n, out);
	if (p < end && *p == '[')
		return find_element(p, end, want, n, out);
	return false;
}

static duet_bytes trim(duet_bytes text)
{
	const char *end = (const char *)text.data + text.len;
	const char *p = skip_space(text.data, end);

	return DUET_BYTES(p, (size_t)(skip_value(p, end) - p));
}

bool duet__json_find(duet_bytes text, const char *path, duet_bytes *value)
{
	while (*path != '\0') {
		size_t n = strcspn(path, ".");

		if (!find_step(text, path, n, &text))
			return false;
		path += n;
		if (*path == '.')
			path++;
	}
	*value = trim(text);
	return true;
}

int duet_json_find(duet_bytes text, const char *path, duet_bytes *value)
{
	if (path == NULL || value == NULL)
		return duet__failf(DUET_EINVAL, "the path and the value must not be NULL");
	if (duet__json_find(text, path, value))
		return 0;
	return duet__failf(DUET_ENOENT, "the JSON text has no %.100s", path);
}
