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
 * are an error (-EBUSY).  SIGPIPE is never raised.  <duet/serve.h> has the accept loop ready-made. */
#ifndef DUET_STREAM_H
#define DUET_STREAM_H

#include <duet/api.h>
#include <duet/bytes.h>
#include <sys/types.h>

typedef struct duet_stream duet_stream;
typedef struct duet_listener duet_listener;

DUET_BEGIN_DECLS

/* Tries each address of the name in turn.  Out of descriptors, it waits for one for as long as
 * others come free, and 3 s more; it leaves the last 16 to the rest of the program.
 * -> gives a stream, or NULL with errno (ECONNREFUSED, ENOENT, ETIMEDOUT, EMFILE, ECANCELED,
 * EINVAL for a malformed URL, EIO for a name that does not resolve ...) and words that name the
 * address */
DUET_SUSPENDS DUET_API duet_stream *duet_connect(const char *url);

/* Port 0 lets the system choose; the hosts "" and "*" mean every interface, of IPv4 and IPv6.  A
 * Unix socket that nobody listens on any more is replaced, and the file is removed by close.
 * Suspends only to look up a name that is no address; outside a task it blocks for that.
 * -> gives a listener, or NULL with errno (EADDRINUSE, EACCES, EINVAL ...) and words */
DUET_SUSPENDS DUET_API duet_listener *duet_listen(const char *url);
DUET_API int duet_listener_port(const duet_listener *l); /* -> port; 0 for a Unix socket */

/* What to give to duet_connect: "tcp://127.0.0.1:34567".  Lent. */
DUET_API const char *duet_listener_url(const duet_listener *l);

/* The next client.  Out of descriptors it waits for one rather than fail.  Any number of tasks may
 * accept from one listener.
 * -> gives a stream, or NULL with errno (EPIPE: the listener was closed, ECANCELED, ENOMEM ...) */
DUET_SUSPENDS DUET_API duet_stream *duet_accept(duet_listener *l);

/* Takes a connected socket, a pipe's end or a terminal, which is non-blocking until it is closed.
 * -> gives a stream, or NULL with errno (EBADF, EMFILE, ENOMEM): then fd stays the caller's */
DUET_API duet_stream *duet_stream_from_fd(int fd);
DUET_API int duet_stream_fd(const duet_stream *s); /* lent */

/* Writes "127.0.0.1:4711" or a socket's path into text ("": a Unix socket without a name).
 * -> 0, -ENOTSOCK, -ENOTCONN (it is gone already) ... */
DUET_API int duet_stream_peer(const duet_stream *s, char *text, size_t size);

/* What is there, at least one byte, at most n.
 * -> bytes, 0 (the end), -ECONNRESET and other -errno, DUET_ECANCELED, DUET_ECLOSED (closed by
 * another task meanwhile), -EBUSY, -ENOMEM, DUET_ENOTASK.  These hold for all reads. */
DUET_SUSPENDS DUET_API ssize_t duet_stream_read(duet_stream *s, void *buf, size_t n);

/* Exactly n bytes.  -> 0, DUET_ECLOSED (the end came first).  If it fails, the bytes before it are
 * lost. */
DUET_SUSPENDS DUET_API int duet_stream_readn(duet_stream *s, void *buf, size_t n);

/* A line with its '\n', NUL-terminated; the last one may lack the '\n'.  Cancelled, it loses
 * nothing.  -> its length, 0 (the end), -EMSGSIZE (it does not fit into size: it stays unread) */
DUET_SUSPENDS DUET_API ssize_t duet_stream_readline(duet_stream *s, char *buf, size_t size);

/* The same up to and with the separator of length n (at least 1). */
DUET_SUSPENDS DUET_API ssize_t duet_stream_readuntil(duet_stream *s, const void *separator,
						     size_t n, char *buf, size_t size);

/* All up to the end, NUL-terminated behind .len; most = 0: no limit.
 * -> 0 (out is the caller's to free), -EMSGSIZE (more than `most` bytes).  If it fails, what it had
 * read is lost. */
DUET_SUSPENDS DUET_API int duet_stream_readall(duet_stream *s, size_t most, duet_buf *out);

/* All of it: suspends while the system's buffer is full.  Cancelled in between, some of it has been
 * sent.  -> 0, -EPIPE or -ECONNRESET (the other side is gone), other -errno, DUET_ECANCELED,
 * DUET_ECLOSED, DUET_ENOTASK */
DUET_SUSPENDS DUET_API int duet_stream_write(duet_stream *s, const void *buf, size_t n);

/* The same, formatted.  -> 0, as write, -ENOMEM */
DUET_SUSPENDS DUET_API int duet_stream_printf(duet_stream *s, const char *format, ...)
	DUET_PRINTF(2, 3);

/* No more writing: the other side reads the end.  Sockets only.  -> 0, -errno */
DUET_API int duet_stream_shutdown(duet_stream *s);

/* Frees s.  What was written is still delivered, unless the other side has sent what was never read:
 * then TCP resets the connection.  Tasks that wait in s get DUET_ECLOSED.  NULL is fine. */
DUET_API void duet_stream_close(duet_stream *s);
DUET_API void duet_listener_close(duet_listener *l);

DUET_END_DECLS

#endif
