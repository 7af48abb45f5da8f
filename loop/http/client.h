/* The client from the inside: what its files share.
 *
 *     http.c      the public object: options, life, statistics
 *     fetch.c     one exchange, read whole           stream.c   one read as it comes
 *     transfer.c  an exchange under way: its states         deadline.c  when it takes too long
 *     line.c      who goes next: limits for the client and for each host
 *     handle.c    configured curl handles, kept      callbacks.c  what curl tells them
 *     shard.c     a curl multi on the loop           socket.c   the descriptors curl works on
 *     request.c, url.c, proxy.c, failure.c, sse.c    pure: text in, text out
 *
 * Life of a fetch: the task fills a transfer on its own stack and submits it; line.c lets it go;
 * at the end of the turn the client's hook gives it a handle and adds that to a shard; sockets and
 * timers drive curl, always on the loop's stack; the shard finds it done, takes the handle back
 * and wakes the task.
 *
 * Invariants: curl is entered from hooks, watches and timers only, or through
 * duet__on_loop_stack, never from within one of its own callbacks.  A transfer is in exactly one
 * place: line, starting, or a shard.  All of a client's loop-bound parts (shards, watches, timers,
 * hook) exist only while it is attached to a run. */
#ifndef DUET_HTTP_CLIENT_H
#define DUET_HTTP_CLIENT_H

#include "loop/http/up.h"
#include "loop/core/list.h"
#include "loop/core/loop.h"
#include "loop/core/timer.h"
#include <curl/curl.h>
#include <duet/error.h>
#include <duet/http.h>
#include <sys/types.h>

/* Each request on a shard looks through that shard's connections for an idle one: more than this
 * many, and the looking costs more than a further shard does. */
enum { SHARD_TRANSFERS = 128, SHARDS_MAX = 32, HOST_BUCKETS = 256 };

typedef struct duet__shard {
	struct duet_http *http;
	CURLM *multi;
	duet__timer timer;  /* the one that curl asks for                                   */
	duet__list running; /* transfers                                                    */
	size_t active;
	duet_time now; /* of this entry into curl; 0 = the clock was not read yet      */
	bool kick;     /* something was added or unpaused: curl wants a turn           */
} duet__shard;

/* A host with a request in flight or in line. */
typedef struct duet__host {
	struct duet__host *next; /* in its bucket                                           */
	duet__list turn;         /* in the client's turns while it has one to send and may  */
	duet__list line;         /* transfers waiting                                       */
	size_t active, queued;
	size_t key_len;
	char key[]; /* "s" or "-" for TLS or not, host in lower case, ':', port */
} duet__host;

/* One proxy setting for each scheme, read once. */
typedef struct duet__proxies {
	char *plain, *tls, *no_proxy; /* never NULL once set */
} duet__proxies;

struct duet_http {
	/* set once, at open */
	duet_http_options options; /* defaults filled in; its strings are owned             */
	duet__proxies proxies;
	char *agent_line; /* "User-Agent: ..." */
	pid_t owner;

	unsigned references; /* the opener, and every call under way                        */
	bool closed;

	/* while attached to a run */
	duet_loop *loop;
	duet__attachment attachment;
	duet__hook hook;
	duet__shard *shards[SHARDS_MAX];
	size_t shard_count;
	struct duet__socket **sockets; /* by descriptor                                     */
	size_t socket_slots;
	duet__list broken; /* sockets that could not be watched                 */

	/* the line */
	duet__host *hosts[HOST_BUCKETS];
	duet__list turns;    /* hosts whose next request may go as soon as the client may   */
	duet__list starting; /* transfers that have their place and go out with the hook    */
	duet__list resuming; /* paused transfers whose reader has made room                 */
	size_t limit;        /* requests in flight: .max_connections, less when descriptors
	                        have run out                                                */
	size_t active, queued;
	bool is_crowded; /* idle connections are to give their descriptors back         */

	struct duet__handle *idle_handles;

	size_t open_sockets;
	uint64_t done, failed, opened, resent;
};

/* http.c */
int duet__http_attach(duet_http *h); /* to the run of this thread -> 0, -EINVAL, ECLOSED */
void duet__http_unref(duet_http *h);

/* proxy.c: from the option (NULL: the environment) -> 0, -ENOMEM */
int duet__proxies_init(duet__proxies *p, const char *proxy, const char *no_proxy);
void duet__proxies_fini(duet__proxies *p);
/* Copies proxy into out without user and password: for messages. */
void duet__proxy_redact(const char *proxy, char *out, size_t size);

#endif
