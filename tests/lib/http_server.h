/* An HTTP server that does as the test says: a process of its own, one thread for each connection,
 * each running the test's script in plain blocking calls.
 *
 *     static void refuse(int fd, int nth, void *arg)
 *     {
 *             while (server_take(fd, NULL) > 0)
 *                     server_reply(fd, 500, NULL, "no");
 *     }
 *     struct server *s = server_start(refuse, NULL);
 *     ... server_url(s, "/path") ... s->log->requests ...
 *     server_stop(s);
 */
#ifndef DUET_TESTS_HTTP_SERVER_H
#define DUET_TESTS_HTTP_SERVER_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

/* Shared by the server and the test. */
struct server_log {
	atomic_int connections, requests, open;
	atomic_int marks[8];  /* the script's own              */
	char last_head[8192]; /* of the request that came last */
};

struct server {
	pid_t pid;
	int port;
	struct server_log *log;
	char url[256];
};

struct server_request {
	char head[65536]; /* request line and headers, NUL-terminated */
	size_t body_len;
	char body[65536]; /* as far as it fits, NUL-terminated        */
};

/* nth counts connections from 0.  The connection is closed when the script returns. */
typedef void server_script(int fd, int nth, void *arg);

struct server *server_start(server_script *script, void *arg);
void server_stop(struct server *s);

/* "http://127.0.0.1:PORT" + path, valid until the next call for s. */
const char *server_url(struct server *s, const char *path);

/* --- for scripts --- */

extern struct server_log *server_log;

/* Reads one request whole; r may be NULL.  -> 1, or 0: the client is gone */
int server_take(int fd, struct server_request *r);

/* Writes all of it, whatever becomes of the client.  -> 0, or -1: it is gone */
int server_send(int fd, const void *data, size_t n);
int server_say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A whole answer with its length.  headers: "Name: value\r\n..." or NULL */
int server_reply(int fd, int status, const char *headers, const char *body);

/* Ends the connection with RST instead of FIN. */
void server_reset(int fd);

/* Says nothing more until the client is gone. */
void server_hang(int fd);

void server_pause_ms(int ms);

#endif
