/* HTTP/1.1 as a server speaks it: requests read whole, answers written whole or in pieces.  A client
 * is not believed: heads and bodies have a size limit. */
#ifndef TOOLS_MOCK_WIRE_H
#define TOOLS_MOCK_WIRE_H

#include "tools/text.h"

#include <duet/stream.h>

struct wire {
	duet_stream *stream;
	char *in; /* received and not yet answered, NUL-terminated */
	size_t len, size;
	size_t used; /* by the request being answered                 */
};

struct wire_request {
	char method[16], path[256];
	duet_bytes body; /* lent until the next wire_read */
	bool keep_alive;
};

/* -> 1 = a request, 0 = the client has gone, a status to refuse it with (400 ...), < 0 */
int wire_read(struct wire *w, struct wire_request *out);

/* headers: "Name: value\r\n..." or "".  -> 0, -errno */
int wire_answer(struct wire *w, int status, const char *headers, duet_bytes body, bool keep_alive);

/* A body in pieces (chunked).  An empty piece ends it. */
int wire_begin(struct wire *w, const char *headers);
int wire_piece(struct wire *w, duet_bytes piece);

/* Ends the connection with a reset, or waits until the client ends it. */
void wire_reset(struct wire *w);
void wire_hang(struct wire *w);
void wire_free(struct wire *w);

#endif
