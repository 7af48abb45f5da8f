/* URLs: what passes lies within the text, has a host and a port, and holds nothing that could end
 * a request's line. */
#include "loop/http/url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	duet__url u;

	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (duet__url_parse(text, &u) == NULL) {
		size_t len = strlen(text);

		must(u.host > text && u.host_len > 0 && u.host + u.host_len <= text + len);
		must(u.path >= u.host + u.host_len && u.path <= text + len);
		must(u.port >= 1 && u.port <= 65535);
		must(memchr(u.host, '@', u.host_len) == NULL);
		must(strpbrk(text, "\r\n \t\\") == NULL);
		duet__url_is_loopback(&u);
	}
	free(text);
	return 0;
}
