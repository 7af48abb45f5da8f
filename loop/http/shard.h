/* A curl multi on the loop.  See client.h. */
#ifndef DUET_HTTP_SHARD_H
#define DUET_HTTP_SHARD_H

#include "loop/http/transfer.h"

/* The shard that takes the next transfer: opened when those that are there are full.  -> NULL: no
 * memory */
duet__shard *duet__shard_pick(duet_http *h);

/* Lets curl see to its sockets and its clock, then finishes the transfers that are done. */
void duet__shard_act(duet__shard *s, curl_socket_t fd, int events);

/* The time, read at most once for each entry into curl. */
static inline duet_time duet__shard_now(duet__shard *s)
{
	if (s->now == 0)
		s->now = duet_now();
	return s->now;
}

/* Drops every connection. */
void duet__shard_close(duet__shard *s);

/* socket.c: curl's wish for a descriptor, as CURLMOPT_SOCKETFUNCTION. */
int duet__socket_wish(CURL *easy, curl_socket_t fd, int what, void *shard, void *data);
void duet__sockets_report_broken(duet_http *h);
void duet__sockets_forget(duet_http *h); /* curl has none open any more */

#endif
