/* A server: a task for each client.
 *
 *     static int echo(void *context, duet_stream *client)
 *     {
 *             char line[1024];
 *             ssize_t n;
 *             while ((n = duet_stream_readline(client, line, sizeof(line))) > 0)
 *                     if (duet_stream_write(client, line, (size_t)n) < 0)
 *                             break;
 *             return (int)n;
 *     }
 *     ...
 *     duet_listener *l = duet_listen("tcp://127.0.0.1:7000");
 *     int r = duet_serve(l, echo, NULL, 1000);
 *     duet_listener_close(l);
 *
 * To stop: close the listener, and serve returns once the last client is done (a scope around it
 * bounds that); or cancel the task that serves, and the clients' tasks are cancelled with it. */
#ifndef DUET_SERVE_H
#define DUET_SERVE_H

#include <duet/api.h>
#include <duet/stream.h>

/* Serves one client, which is lent: it is closed afterwards.  A result < 0 ends nothing but this
 * client; it is reported, as the error of a task that nobody awaits. */
typedef int duet_serve_fn(void *context, duet_stream *client);

DUET_BEGIN_DECLS

/* Accepts clients and runs fn(context, client) for each in a task of its own, at most `limit` at
 * once (0 = no limit): the others wait to be accepted.  All tasks have ended when it returns.
 * -> 0 (the listener was closed), DUET_ECANCELED, DUET_ENOTASK, -EINVAL, -ENOMEM, -errno of accept */
DUET_SUSPENDS DUET_API int duet_serve(duet_listener *l, duet_serve_fn *fn, void *context,
				      size_t limit);

DUET_END_DECLS

#endif
