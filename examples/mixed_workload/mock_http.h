/* The HTTP side of the mock server: one connection, one request after the other. */
#ifndef MIXED_WORKLOAD_MOCK_HTTP_H
#define MIXED_WORKLOAD_MOCK_HTTP_H

#include <duet/duet.h>

/* Answers requests until the client goes, breaks the protocol or is silent for too long, or the
 * task is cancelled; each completion comes `latency` after its request. */
DUET_SUSPENDS void mock_http_serve(duet_stream *s, duet_time latency);

#endif
