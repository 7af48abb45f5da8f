/* A small fast HTTP server on one thread, for measurements. */
#ifndef DUET_BENCH_HTTP_SERVER_H
#define DUET_BENCH_HTTP_SERVER_H

#include <sys/types.h>

/* *port 0 = any.  -> a listening socket */
int server_listen(int *port);

/* Answers every request with 956 bytes; one for /stream with STREAM_TOKENS server-sent events,
 * STREAM_PACE_MS apart. */
_Noreturn void server_run(int listener);

/* The same in a process of its own, which dies with this one. */
pid_t server_fork(int *port);

enum { STREAM_TOKENS = 100, STREAM_PACE_MS = 10 };

#endif
