/* A message of frames: whatever the bytes, decoding stays inside, and what was accepted can be
 * written again as it was. */
#include "ipc/frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char again[DUET__MESSAGE_MAX] __attribute__((aligned(16)));
	duet__frame f, g;

	for (size_t at = 0; at < size;) {
		ssize_t n = duet__frame_get(data + at, size - at, &f);

		if (n < 0)
			break;
		if ((size_t)n > size - at || (const uint8_t *)f.data + f.size > data + at + n)
			abort();
		if (duet__frame_put(again, sizeof(again), &f) != (size_t)n ||
		    duet__frame_get(again, (size_t)n, &g) != n)
			abort();
		if (g.type != f.type || g.job != f.job || g.offset != f.offset ||
		    g.size != f.size || memcmp(g.data, f.data, f.size) != 0)
			abort();
		at += (size_t)n;
	}
	return 0;
}
