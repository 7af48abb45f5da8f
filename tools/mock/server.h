/* The mock server: an OpenAI-compatible endpoint on 127.0.0.1 with latency, limits and faults, in
 * the calling run.  Also behind `duet run --mock`. */
#ifndef TOOLS_MOCK_SERVER_H
#define TOOLS_MOCK_SERVER_H

#include "tools/mock/spec.h"

struct mock_server;

/* In a task.  port 0 = any.  -> a server, or NULL with errno and duet_errmsg() */
struct mock_server *mock_server_open(const struct mock_spec *spec, int port);
int mock_server_port(const struct mock_server *s);

/* Drops every connection.  NULL is fine. */
void mock_server_close(struct mock_server *s);

#endif
