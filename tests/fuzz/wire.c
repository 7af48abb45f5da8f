/* What a server answers, read as a chat completion, as a chunk of one, as an error, and as the
 * headers that say when to come back. */
#include "loop/llm/retry.h"
#include "loop/llm/wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void read_body(duet_bytes body)
{
	duet_completion c = {0};
	char words[100], code[20], *text = NULL;
	size_t len;

	if (duet__wire_reply(body, &c) == 0 && c.text != NULL)
		must(strlen(c.text) <= c.text_len);
	duet_completion_free(&c);
	memset(&c, 0, sizeof(c));
	if (duet__wire_chunk(body, &text, &len, &c) == 0 && text != NULL)
		must(text[len] == '\0');
	free(text);
	duet_completion_free(&c);
	duet__wire_error(body, words, sizeof(words), code, sizeof(code));
	must(memchr(words, '\0', sizeof(words)) != NULL &&
	     memchr(code, '\0', sizeof(code)) != NULL);
}

static void must_be_pause(duet_time pause)
{
	must(pause == -1 || (pause >= 0 && pause <= DUET__RETRY_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *value = calloc(1, size + 1);

	must(value != NULL);
	if (size > 0)
		memcpy(value, data, size);
	read_body(DUET_BYTES(data, size));
	must_be_pause(duet__retry_after(value, 1700000000));
	must_be_pause(duet__retry_after_ms(value));
	must_be_pause(duet__retry_duration(value));
	free(value);
	return 0;
}
