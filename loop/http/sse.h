/* Pure: server-sent events out of bytes that come in any pieces, by the WHATWG rules. */
#ifndef DUET_HTTP_SSE_H
#define DUET_HTTP_SSE_H

#include <duet/sse.h>

typedef struct duet__sse_text {
	char *data;
	size_t len, room;
} duet__sse_text;

/* {0} is a parser at the start of a stream. */
typedef struct duet__sse {
	duet__sse_text line; /* the part of a line that the last piece ended with             */
	duet__sse_text data, event, id; /* of the event that is coming; id stays              */
	int64_t retry_ms; /* + 1, so that 0 is none                                           */
	unsigned started; /* bytes of a byte order mark that have been looked at              */
	bool after_cr;    /* a line feed now belongs to the line end before it                */
	bool given;       /* the event in the buffers has been handed out                     */
} duet__sse;

/* Reads from data until an event is complete; *used bytes of it are done with.  *out lends from p
 * until the next call.
 * -> 1 = an event, 0 = all read, DUET_EPROTO (line over 1 MiB, event over 16 MiB), -ENOMEM */
int duet__sse_feed(duet__sse *p, const char *data, size_t n, size_t *used, duet_sse_event *out);

/* Whether the stream may end here: nothing of an event has come. */
bool duet__sse_is_between(const duet__sse *p);

void duet__sse_fini(duet__sse *p);

#endif
