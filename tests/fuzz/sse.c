/* Server-sent events: whatever the bytes, and however they are cut, the events are the same. */
#include "loop/http/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything a reader sees of the stream, as text, and the code it ended with. */
struct seen {
	char *text;
	size_t len;
	int end;
};

static struct seen read_in_pieces(const char *data, size_t size, size_t piece)
{
	struct seen seen = {0};
	FILE *to = open_memstream(&seen.text, &seen.len);
	duet__sse parser = {0};
	duet_sse_event e;
	size_t at = 0;

	while (at < size && seen.end >= 0) {
		size_t n = size - at < piece ? size - at : piece, used = 0;

		seen.end = duet__sse_feed(&parser, data + at, n, &used, &e);
		if (seen.end == 0 && used != n)
			abort();
		if (seen.end == 1) {
			if (e.data[e.len] != '\0')
				abort();
			fprintf(to, "%s|%s|%lld|%zu|", e.event, e.id, (long long)e.retry_ms, e.len);
			fwrite(e.data, 1, e.len, to);
		}
		at += used;
	}
	fprintf(to, "%d", seen.end < 0 ? -1 : duet__sse_is_between(&parser));
	duet__sse_fini(&parser);
	fclose(to);
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = read_in_pieces((const char *)data, size, size > 0 ? size : 1);

	for (size_t piece = 1; piece <= 7; piece += 2) {
		struct seen cut = read_in_pieces((const char *)data, size, piece);

		if (cut.len != whole.len || memcmp(cut.text, whole.text, cut.len) != 0)
			abort();
		free(cut.text);
	}
	free(whole.text);
	return 0;
}
