/* One server-sent event, as the WHATWG rules give it.  See duet_http_stream_sse. */
#ifndef DUET_SSE_H
#define DUET_SSE_H

#include <duet/api.h>

typedef struct duet_sse_event {
	const char *event; /* its type; "message" if the server named none                  */
	const char *id;    /* the last id seen in the stream; "" = none yet                 */
	const char *data;  /* its data lines joined by '\n'; NUL-terminated behind len      */
	size_t len;        /* bytes of data                                                 */
	int64_t retry_ms;  /* the reconnection time last asked for; -1 = none yet           */
} duet_sse_event;

#endif
