#include <duet/bytes.h>

#include "loop/core/fail.h"
#include <stdlib.h>
#include <string.h>

void duet_buf_free(duet_buf *buf)
{
	if (buf == NULL)
		return;
	if (buf->release != NULL)
		buf->release(buf);
	else
		free(buf->data);
	*buf = (duet_buf){0};
}

int duet_buf_copy(duet_buf *buf, const void *data, size_t len)
{
	char *copy = len < SIZE_MAX ? malloc(len + 1) : NULL;

	if (copy == NULL)
		return duet__fail(DUET_ENOMEM);
	if (data != NULL)
		memcpy(copy, data, len);
	else
		memset(copy, 0, len);
	copy[len] = '\0';
	*buf = (duet_buf){.data = copy, .len = len};
	return 0;
}
