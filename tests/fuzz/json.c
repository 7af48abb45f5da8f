/* JSON: what the strict scanner passes, cJSON parses too; what is quoted reads back the same; and
 * whatever is found lies inside the text and is JSON itself. */
#include <duet/error.h>
#include <duet/json.h>

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void find(duet_bytes text, const char *path)
{
	duet_bytes value;
	int64_t number;
	char *decoded;

	if (duet_json_find(text, path, &value) < 0)
		return;
	must((const char *)value.data >= (const char *)text.data &&
	     (const char *)value.data + value.len <= (const char *)text.data + text.len);
	must(duet_json_check(value) == 0);
	duet_json_int(value, &number);
	if (duet_json_text(value, &decoded, NULL) == 0)
		free(decoded);
}

static void compare(duet_bytes text)
{
	cJSON *tree = cJSON_ParseWithLength(text.data, text.len);

	/* cJSON refuses lone surrogates, which are grammatical */
	must(tree != NULL || memmem(text.data, text.len, "\\u", 2) != NULL);
	cJSON_Delete(tree);
	find(text, "");
	find(text, "a");
	find(text, "a.b");
	find(text, "0");
	find(text, "0.1");
	find(text, "choices.0.message.content");
}

static void quote(duet_bytes text)
{
	duet_buf quoted = {0};
	char *back;
	size_t len;

	if (duet_json_quote(text, &quoted) < 0)
		return;
	must(duet_json_check(DUET_BYTES(quoted.data, quoted.len)) == 0);
	must(duet_json_text(DUET_BYTES(quoted.data, quoted.len), &back, &len) == 0);
	must(len == text.len && memcmp(back, text.data, len) == 0);
	free(back);
	duet_buf_free(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	duet_bytes text = DUET_BYTES(data, size);

	if (duet_json_check(text) == 0)
		compare(text);
	quote(text);
	return 0;
}
