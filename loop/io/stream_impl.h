/* A stream from the inside: what connect, accept and the process's pipes make of a descriptor. */
#ifndef DUET_IO_STREAM_IMPL_H
#define DUET_IO_STREAM_IMPL_H

#include <duet/stream.h>

/* Takes fd, which is non-blocking and close-on-exec already.  -> NULL: out of memory, fd is closed */
duet_stream *duet__stream_new(int fd);

#endif
