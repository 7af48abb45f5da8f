/* What curl's callbacks tell a stream.  See <duet/http.h>. */
#ifndef DUET_HTTP_STREAM_H
#define DUET_HTTP_STREAM_H

#include <duet/http.h>

/* The headers of the answer are complete. */
void duet__stream_headers_in(duet_http_stream *s);

/* Takes n bytes of body.  -> n, or CURL_WRITEFUNC_PAUSE: full, to be offered again, or
 * CURL_WRITEFUNC_ERROR */
size_t duet__stream_take(duet_http_stream *s, const char *data, size_t n);

/* How often the request went out. */
unsigned duet__stream_sends(const duet_http_stream *s);

/* The data lines of an event that never ended; NULL if there are none. */
const char *duet__stream_sse_rest(const duet_http_stream *s, size_t *len);

/* fetch.c: the value of a header in "name\0value\0...", or NULL */
const char *duet__header_find(const char *headers, size_t len, const char *name);

#endif
