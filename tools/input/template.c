#include "tools/input/template.h"

#include <duet/json.h>
#include <errno.h>
#include <stdlib.h>

const char *template_check(const char *template)
{
	for (const char *p = template; *p != '\0'; p++) {
		if (p[0] == p[1] && (*p == '{' || *p == '}')) {
			p++;
		} else if (*p == '}') {
			return "a lone '}' (write }} for the brace itself)";
		} else if (*p == '{') {
			size_t n = strcspn(p + 1, "{}");

			if (p[1 + n] != '}')
				return "a '{' without its '}' (write {{ for the brace itself)";
			if (n == 0 || n > 60)
				return "{} must hold a field's name";
			p += n + 1;
		}
	}
	return NULL;
}

static int add_field(duet_bytes row, bool is_json, const char *name, struct text *out)
{
	duet_bytes value;
	char *decoded;
	size_t len;

	if (!is_json) {
		if (strcmp(name, "text") != 0)
			return -ENOENT;
		text_add(out, row.data, row.len);
		return 0;
	}
	if (duet_json_find(row, name, &value) < 0)
		return -ENOENT;
	if (*(const char *)value.data != '"') {
		text_json(out, value);
		return 0;
	}
	if (duet_json_text(value, &decoded, &len) < 0)
		return -ENOMEM;
	text_add(out, decoded, len);
	free(decoded);
	return 0;
}

int template_fill(const char *template, duet_bytes row, bool is_json, struct text *out,
		  char missing[64])
{
	for (const char *p = template; *p != '\0';) {
		size_t n = strcspn(p, "{}");
		int r;

		text_add(out, p, n);
		p += n;
		if (*p == '\0')
			break;
		if (p[0] == p[1]) {
			text_add(out, p, 1);
			p += 2;
			continue;
		}
		n = strcspn(p, "}");
		snprintf(missing, 64, "%.*s", (int)(n - 1), p + 1);
		if ((r = add_field(row, is_json, missing, out)) < 0)
			return r;
		p += n + 1;
	}
	return 0;
}
