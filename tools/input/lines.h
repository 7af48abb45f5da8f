/* Lines out of a source of bytes: LF or CRLF ends them, the last one may lack its end, a byte order
 * mark at the very beginning is dropped.  A line over the cap is read past and reported as such, so
 * that memory stays bounded whatever comes. */
#ifndef TOOLS_INPUT_LINES_H
#define TOOLS_INPUT_LINES_H

#include <duet/bytes.h>
#include <sys/types.h>

enum { LINES_MOST = 16 * 1024 * 1024 };

struct lines {
	/* -> bytes, 0 = the end, < 0 = an error, which ends it */
	ssize_t (*read)(void *context, void *buf, size_t n);
	void *context;
	size_t most; /* bytes of a line; 0 = LINES_MOST */
	/* private */
	char *buf;
	size_t start, end, size;
	size_t number;
	uint64_t offset; /* of buf[start] */
	bool is_over;
};

struct line {
	const char *data; /* lent until the next call; not NUL-terminated                       */
	size_t len;
	size_t number;   /* from 1                                                             */
	uint64_t offset; /* of its first byte                                                  */
	bool is_long;    /* over the cap: data holds its beginning                             */
};

/* -> 1 = a line, 0 = the end, -ENOMEM, or what read said */
int lines_next(struct lines *l, struct line *out);
void lines_free(struct lines *l);

#endif
