/* Byte streams over TCP and Unix sockets, read and written in straight lines.
 *
 *     static int serve(void *arg)                       // one task for each client
 *     {
 *             duet_stream *s = arg;
 *             char line[1024];
 *             ssize_t n;
 *             while ((n = duet_stream_readline(s, line, sizeof(line))) > 0)
 *                     if (duet_stream_write(s, line, (size_t)n) < 0)
 *                             break;
 *             duet_stream_close(s);
 *             return 0;
 *     }
 *     ...
 *     duet_listener *l = duet_listen("tcp://127.0.0.1:0");
 *     printf("port %d\n", duet_listener_port(l));
 *     while ((s = duet_accept(l)) != NULL)
 *             duet_group_spawn(clients, serve, s);
 *
 * URLs: tcp://host:port, tcp://[::1]:port, unix:///absolute/path.  Names are looked up off the
 * loop.  One task may read while another writes; two that write take turns, two that read at once
 * are an error (-EBUSY).  SIGPIPE is never raised. */
#ifndef DUET_STREAM_H
#define DUET_STREAM_H

#include <duet/api.h>
#include <sys/types.h>

typedef struct duet_stream duet_stream;
typedef struct duet_listener duet_listener;

DUET_BEGIN_DECLS

/* Tries each address of the name in turn.
 * -> a stream, or NULL with errno (ECONNREFUSED, ENOENT, ETIMEDOUT, ECANCELED, EINVAL for a
 * malformed URL, EIO for a name that does not resolve ...) and words that name the address */
DUET_SUSPENDS DUET_API duet_stream *duet_connect(const char *url);

/* Port 0 lets the system choose.  A Unix socket that nobody listens on any more is replaced, and
 * the file is removed by close.  Suspends only to look up a name that is no address; outside a task
 * it blocks for that.  -> a listener, or NULL with errno (EADDRINUSE, EACCES, EINVAL ...) and
 * words */
DUET_API duet_listener *duet_listen(const char *url);
DUET_API int duet_listener_port(const duet_listener *l); /* -> port; 0 for a Unix socket */

/* The next client.  Out of descriptors it waits for one rather than fail.
 * -> a stream, or NULL with errno (EPIPE: the listener was closed, ECANCELED ...) */
DUET_SUSPENDS DUET_API duet_stream *duet_accept(duet_listener *l);

/* Takes a connected socket, a pipe's end or a terminal, which becomes non-blocking.
 * -> a stream, or NULL with errno (EBADF, ENOMEM): then fd stays the caller's */
DUET_API duet_stream *duet_stream_from_fd(int fd);
DUET_API int duet_stream_fd(const duet_stream *s); /* lent */

/* What is there, at least one byte, at most n.
 * -> bytes, 0 (the end), -ECONNRESET and other -errno, DUET_ECANCELED, DUET_ECLOSED (closed by
 * another task meanwhile), -EBUSY, DUET_ENOTASK.  These hold for all reads. */
DUET_SUSPENDS DUET_API ssize_t duet_stream_read(duet_stream *s, void *buf, size_t n);

/* Exactly n bytes.  -> 0, DUET_ECLOSED (the end came first; the bytes before it are lost) */
DUET_SUSPENDS DUET_API int duet_stream_readn(duet_stream *s, void *buf, size_t n);

/* A line with its '\n', NUL-terminated; the last one may lack the '\n'.
 * -> its length, 0 (the end), -EMSGSIZE (it does not fit into size: it stays unread) */
DUET_SUSPENDS DUET_API ssize_t duet_stream_readline(duet_stream *s, char *buf, size_t size);

/* The same up to and with the separator of length n (at least 1). */
DUET_SUSPENDS DUET_API ssize_t duet_stream_readuntil(duet_stream *s, const void *separator,
						     size_t n, char *buf, size_t size);

/* All of it: suspends while the system's buffer is full.  Cancelled in between, some of it has been
 * sent.  -> 0, -EPIPE (the other side is gone), other -errno, DUET_ECANCELED, DUET_ECLOSED,
 * DUET_ENOTASK */
DUET_SUSPENDS DUET_API int duet_stream_write(duet_stream *s, const void *buf, size_t n);

/* No more writing: the other side reads the end.  -> 0, -errno */
DUET_API int duet_stream_shutdown(duet_stream *s);

/* Frees s; what was written is still delivered.  Tasks that wait in it get DUET_ECLOSED.  NULL is
 * fine.  Does not suspend. */
DUET_API void duet_stream_close(duet_stream *s);
DUET_API void duet_listener_close(duet_listener *l);

DUET_END_DECLS

#endif
