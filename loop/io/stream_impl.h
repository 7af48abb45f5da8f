/* A stream from the inside, for the files that make one of a descriptor, read it and write it. */
#ifndef DUET_IO_STREAM_IMPL_H
#define DUET_IO_STREAM_IMPL_H

#include "loop/core/loop.h"
#include "loop/core/park.h"
#include "loop/core/watch.h"
#include <duet/stream.h>

struct duet_stream {
	int fd;
	int flags_before; /* of a descriptor that was made non-blocking; -1: leave them     */
	bool is_socket;
	bool closed;
	bool reading;         /* a task is in a read                                        */
	bool dry;             /* the last read got less than it asked for                   */
	bool writing;         /* a task is in a write                                       */
	int calls;            /* tasks inside, which must not find it freed                 */
	duet__waiter *reader; /* waits for data                                             */
	duet__waiter *writer; /* waits for room                                             */
	duet__list writers;   /* wait for their turn to write                               */
	int interest;         /* events watched                                             */
	duet__watch *watch;   /* of this run; opened when first needed                      */
	duet__attachment attachment;
	char *buffer; /* read ahead: [start, end)                                           */
	size_t capacity, start, end;
};

/* Takes fd, which is non-blocking and close-on-exec already.  -> NULL: out of memory, fd is closed */
duet_stream *duet__stream_new(int fd, bool is_socket);

/* The first and the last line of every call that may suspend in a stream. */
int duet__stream_enter(duet_stream *s);
void duet__stream_leave(duet_stream *s);

/* Suspends until the event comes.  -> 0, DUET_ECLOSED, DUET_ECANCELED, -ENOMEM, -errno */
int duet__stream_wait(duet_stream *s, int event);

/* Before a system call that may well succeed at once: whoever never has to wait, because the other
 * side keeps up, still lets the others run now and then.  -> 0, DUET_ECLOSED, DUET_ECANCELED */
int duet__stream_turn(const duet_stream *s);
int duet__io_turn(void); /* -> 0, DUET_ECANCELED */

/* Words: "read from 127.0.0.1:80: Connection reset by peer".  -> -errno */
int duet__stream_fail(const duet_stream *s, const char *what);

#endif
