/* Two ends of one connection, as streams of this loop. */
#ifndef DUET_TESTS_IO_PAIR_H
#define DUET_TESTS_IO_PAIR_H

#include <duet/stream.h>

struct pair {
	duet_stream *near, *far;
};

struct pair pair_open(void);
void pair_close(struct pair *p); /* an end that is NULL was closed already */

/* Bytes into the far end's socket without a task: at most what fits. */
void pair_feed(const struct pair *p, const char *text);

#endif
