/* HTTP client: connections kept and shared, one call per exchange, streams with backpressure.
 *
 *     duet_http *http = duet_http_open(NULL);
 *     duet_http_response page = {0};
 *     duet_http_request get = {.url = "https://example.org/"};
 *     if (duet_http_fetch(http, &get, &page) == 0) {
 *             printf("%d %s\n", page.status, (char *)page.body.data);
 *             duet_http_response_free(&page);
 *     }
 *     duet_http_close(http);
 *
 * A client may be opened and closed outside a run and serves one run after the other; within a run
 * it belongs to that run's thread.  Any number of tasks use it at once.  Requests above the limits
 * wait in line: first in, first out for each host, and the hosts take turns.
 *
 * What it does not do unless told: follow redirects, accept a certificate it cannot verify.  What it
 * never does: keep cookies, read .netrc, speak anything but http and https.
 *
 * SIGPIPE: sockets are written in a way that never raises it. */
#ifndef DUET_HTTP_H
#define DUET_HTTP_H

#include <duet/api.h>
#include <duet/bytes.h>
#include <duet/sse.h>
#include <duet/time.h>
#include <sys/types.h>

typedef struct duet_http duet_http;

/* Every field may be 0 for its default.  Strings are copied. */
typedef struct duet_http_options {
	size_t max_connections; /* requests in flight at once, all hosts together; 0 = 1000.
	                           No more than RLIMIT_NOFILE less 32                           */
	size_t max_per_host;    /* the same for each host and port; 0 = no limit of its own     */

	/* Defaults for requests that say nothing; DUET_FOREVER = no limit. */
	duet_time connect_timeout; /* from the start to a usable connection, with name lookup
	                              and TLS handshake; 0 = 10 s                               */
	duet_time timeout;         /* the whole exchange, without the wait in line; 0 = 5 min
	                              (a stream: no limit)                                      */
	duet_time stall_timeout;   /* no byte in either direction; 0 = 60 s                     */
	duet_time queue_timeout;   /* the wait in line; 0 = no limit                            */
	duet_time idle_timeout;    /* a connection unused for longer is not used again; 0 = 50 s */
	size_t max_body;           /* bytes of a response body, decoded; 0 = 64 MiB             */

	const char *proxy;      /* "http://host:port", also https, socks5h; "" = none;
	                         NULL = from the environment: http_proxy, https_proxy,
	                         all_proxy, no_proxy, read once, now                            */
	const char *no_proxy;   /* hosts to reach directly: "localhost,.example.org" or "*"       */
	const char *ca_file;    /* PEM file of the certificates to trust; NULL = the system's     */
	bool insecure;          /* DANGER: any certificate will do, anybody can listen            */
	bool compressed;        /* offer gzip, br, zstd; bodies are decoded and capped decoded    */
	const char *user_agent; /* NULL = "duet/VERSION"                                        */
	int max_redirects;      /* how many redirects to follow; 0 = none: one is an answer like any
	                      other.  To another scheme, host or port go no Authorization, Cookie
	                      and Host; after 301, 302 and 303 a POST becomes a GET (RFC 9110,
	                      15.4).  The timeout is for all of it                             */
} duet_http_options;

/* All pointers are lent for the call.  A zeroed field is its default. */
typedef struct duet_http_request {
	const char *method; /* NULL = "GET", or "POST" if there is a body                       */
	const char *url;    /* http:// or https://, without user and password, percent-encoded  */
	/* "Name: value", ended by NULL; "Name:" leaves out a header the client would send.
	 * Content-Length and Transfer-Encoding are the client's own. */
	const char *const *headers;
	duet_bytes body;
	duet_time connect_timeout, timeout, stall_timeout; /* 0 = the client's                  */
	duet_time body_stall_timeout; /* the same as stall_timeout, once the headers of the
	                                 answer are in; 0 = no other                           */
	size_t max_body;              /* 0 = the client's                  */
} duet_http_request;

/* Start from {0}.  Whatever is in it is the caller's, freed by duet_http_response_free. */
typedef struct duet_http_response {
	int status;
	duet_buf body;
	unsigned sends;         /* how often the request went out: above 1 when a kept connection
	                            turned out to be dead and it was sent again on a new one    */
	duet_time queue_time;   /* waited in line                                              */
	duet_time service_time; /* from then to the last byte                                  */
	char *url;              /* where it came from, after redirects; NULL: there were none   */
	/* private: "name\0value\0..." */
	char *headers;
	size_t headers_len;
} duet_http_response;

typedef struct duet_http_stats_t {
	size_t active;   /* requests in flight                              */
	size_t queued;   /* requests in line                                */
	size_t sockets;  /* connections open, idle ones too                 */
	uint64_t done;   /* exchanges that ended with a status              */
	uint64_t failed; /* exchanges that ended otherwise                  */
	uint64_t opened; /* connections ever opened                         */
	uint64_t resent; /* requests sent again behind a dead connection    */
} duet_http_stats_t;

DUET_BEGIN_DECLS

/* o may be NULL.  Open pools first: from here on curl is up in this process, and it may start
 * threads to look up names.
 * -> a client, or NULL with errno ENOMEM or EINVAL (the words say which option) */
DUET_API duet_http *duet_http_open(const duet_http_options *o);

/* Drops every connection and frees h (NULL is fine).  Calls of other tasks that are still under
 * way fail with DUET_ECLOSED.  Does not suspend. */
DUET_API void duet_http_close(duet_http *h);

/* One exchange, the body read whole.  Any status is success; out is set on success only.
 * Cancelled at any point, the request is dropped at once and its connection closed.
 * -> 0, DUET_ECANCELED, DUET_ECLOSED, -ENOMEM,
 *    -EINVAL         the URL, method or a header is malformed: nothing was sent
 *    -ECONNREFUSED, -EHOSTUNREACH, -ENETUNREACH, -EADDRNOTAVAIL ...  no connection
 *    -ECONNRESET     the connection broke before or within the answer
 *    -EMFILE         no descriptor left, and no request of this client will give one back
 *    DUET_EDNS       the name does not resolve
 *    DUET_ETLS       the certificate or the handshake was refused
 *    DUET_ETIMEDOUT  connect, whole exchange, stall or line: the words say which
 *    DUET_EPROTO     the answer is not HTTP, or is cut short
 *    -E2BIG          the body is larger than .max_body: the rest was not read
 *    DUET_EHTTP      what else can go wrong: a proxy that refuses, too many redirects */
DUET_SUSPENDS DUET_API int duet_http_fetch(duet_http *h, const duet_http_request *request,
					   duet_http_response *out);

/* The value of the first header of that name, in any case; NULL if there is none.  Lent. */
DUET_API const char *duet_http_header(const duet_http_response *response, const char *name);

/* Frees what response holds and clears it.  NULL and a cleared response are fine. */
DUET_API void duet_http_response_free(duet_http_response *response);

/* How the client stands.  -> 0, -EINVAL */
DUET_API int duet_http_stats(const duet_http *h, duet_http_stats_t *out);

/* A response read as it comes.  Life: open -> read or sse, to the end or not -> close.  What the
 * task does not read is held back: beyond 64 KiB the sender is made to wait.  A stream belongs to
 * one task at a time, and must be closed before its client.
 *
 *     duet_http_stream *s = duet_http_stream_open(http, &request);
 *     duet_sse_event e;
 *     while ((r = duet_http_stream_sse(s, &e)) > 0)
 *             puts(e.data);
 *     duet_http_stream_close(s);
 */
typedef struct duet_http_stream duet_http_stream;

/* Sends the request and waits for the headers of the answer.  max_body does not apply unless it is
 * set.  -> a stream, or NULL with errno and duet_errmsg() set */
DUET_SUSPENDS DUET_API duet_http_stream *duet_http_stream_open(duet_http *h,
							       const duet_http_request *request);

/* The same, for those who need the code.  -> 0 and *out set, or an error as of duet_http_fetch */
DUET_SUSPENDS DUET_API int duet_http_stream_start(duet_http *h, const duet_http_request *request,
						  duet_http_stream **out);

DUET_API int duet_http_stream_status(const duet_http_stream *s);
DUET_API const char *duet_http_stream_header(const duet_http_stream *s, const char *name);

/* Reads what is there, at least one byte, at most n.  -> bytes, 0 = the end of a complete body, or
 * an error as of duet_http_fetch (what came before it can be read first) */
DUET_SUSPENDS DUET_API ssize_t duet_http_stream_read(duet_http_stream *s, void *buf, size_t n);

/* The next server-sent event.  *out lends its strings until the next call on s.
 * -> 1 = an event, 0 = the end, or an error as of read; DUET_EPROTO also for a line over 1 MiB and
 * a body that ends inside an event */
DUET_SUSPENDS DUET_API int duet_http_stream_sse(duet_http_stream *s, duet_sse_event *out);

/* Drops what was not read, and the connection with it.  NULL is fine.  Does not suspend. */
DUET_API void duet_http_stream_close(duet_http_stream *s);

DUET_END_DECLS

#endif
