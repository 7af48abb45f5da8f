/* One exchange under way.
 *
 *              no place free                a place                 the hook
 *     NEW ────────────────────▶ QUEUED ─────────────▶ STARTING ─────────────▶ RUNNING
 *      └──────────────── a place ────────────────────────▲  │                   │
 *                                  ▲                        │                   │
 *                                  └─ out of descriptors ───┼───────────────────┤
 *     any of the three ──── done, failed, timed out, cancelled, closed ───▶ DONE
 *
 * Why it ended is in code and words, apart from the state.  transfer.c alone writes the state. */
#ifndef DUET_HTTP_TRANSFER_H
#define DUET_HTTP_TRANSFER_H

#include "loop/core/list.h"
#include "loop/core/park.h"
#include "loop/core/timer.h"
#include "loop/http/client.h"
#include "loop/http/url.h"

typedef enum duet__transfer_state {
	DUET__TRANSFER_NEW,
	DUET__TRANSFER_QUEUED,
	DUET__TRANSFER_STARTING,
	DUET__TRANSFER_RUNNING,
	DUET__TRANSFER_DONE,
} duet__transfer_state;

typedef struct duet__transfer {
	duet__list node;   /* in a host's line, the client's starting, or a shard's running   */
	duet__list resume; /* in the client's resuming                                      */
	duet_http *http;
	duet__host *host;            /* its place or its line; NULL in NEW and DONE          */
	duet__shard *shard;          /* RUNNING                                              */
	struct duet__handle *handle; /* RUNNING                                             */
	duet__transfer_state state;

	/* what is asked: lent by the caller until DONE */
	const duet_http_request *request;
	duet__url url;
	duet_time connect_timeout, timeout, stall_timeout;
	size_t max_body;

	/* deadlines: one timer, set for the nearest */
	duet__timer timer;
	duet_time queued_at, started_at, ended_at;
	uint32_t track;      /* of its task, in a trace */
	duet_time moved_at;  /* the last byte in or out that we know of                     */
	curl_off_t uploaded; /* as of moved_at                                              */

	/* what has come */
	int status;
	unsigned sends; /* times the request went to a usable connection                */
	bool headers_done;
	bool has_length; /* and this is it: Content-Length                               */
	size_t length;
	bool paused;     /* by a full stream: silence is our own doing                   */
	bool out_of_fds; /* no socket for it                                             */
	char *headers;   /* "name\0value\0..."                                           */
	size_t headers_len, headers_room, headers_seen;
	char *body;
	size_t body_len, body_room;
	struct duet_http_stream *stream; /* takes the body instead, or NULL                 */

	/* how it ended */
	int code;
	char words[200];
	duet__waiter *waiter; /* woken by DONE, and for streams by news; NULL = nobody      */
} duet__transfer;

/* Checks the request and fills in defaults.  -> 0, -EINVAL (words are set) */
int duet__transfer_init(duet__transfer *x, duet_http *h, const duet_http_request *request);

/* deadline.c: sets the timer for the next deadline, after that has come nearer. */
void duet__transfer_rearm(duet__transfer *x);
void duet__transfer_on_deadline(void *timer);

/* NEW -> QUEUED or STARTING (or DONE, when there is no memory). */
void duet__transfer_submit(duet__transfer *x);

/* Any but DONE -> DONE with this code; its request is dropped.  On the loop's stack. */
void duet__transfer_end(duet__transfer *x, int code);
void duet__transfer_endf(duet__transfer *x, int code, const char *format, ...) DUET_PRINTF(3, 4);

/* The same from a task; a transfer that is DONE stays as it is. */
void duet__transfer_abort(duet__transfer *x, int code);

/* Notes an error for when curl ends the transfer, which the callback that found it asks for. */
void duet__transfer_blame(duet__transfer *x, int code, const char *format, ...) DUET_PRINTF(3, 4);

/* RUNNING -> DONE, or QUEUED again when it found no descriptor. */
void duet__transfer_finished(duet__transfer *x, CURLcode result);

/* QUEUED -> STARTING, by the line. */
void duet__transfer_start(duet__transfer *x);

/* STARTING -> RUNNING, by the hook (or DONE). */
void duet__transfer_run(duet__transfer *x);

/* Gives back headers and body that nobody took. */
void duet__transfer_fini(duet__transfer *x);

/* line.c: places.  Enter sets x->host and says whether x may go at once; otherwise x is in line.
 * -> 1 = go, 0 = in line, -ENOMEM */
int duet__line_enter(duet__transfer *x);
void duet__line_return(duet__transfer *x); /* x gives its place back and is first in line again */
void duet__line_leave(duet__transfer *x);  /* x is out of the line, or its place is free        */
void duet__line_advance(duet_http *h);     /* fills free places                                 */

/* failure.c: what curl's result means.  Sets x->code and x->words. */
void duet__failure_set(duet__transfer *x, CURLcode result);

#endif
