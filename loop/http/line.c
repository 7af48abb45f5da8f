/* Who goes next.  First in, first out for each host; hosts that may send take turns; the whole
 * costs the same however many wait (inside curl, every request would pay for all that wait). */
#include "loop/http/transfer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 300 };

static size_t make_key(const duet__url *u, char key[KEY_MAX])
{
	size_t n = 0;

	key[n++] = u->tls ? 's' : '-';
	for (size_t i = 0; i < u->host_len; i++)
		key[n++] = (char)tolower((unsigned char)u->host[i]);
	key[n++] = ':';
	key[n++] = (char)(u->port >> 8);
	key[n++] = (char)(u->port & 0xff);
	return n;
}

static duet__host **bucket_of(duet_http *h, const char *key, size_t n)
{
	unsigned hash = 2166136261u;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)key[i]) * 16777619u;
	return &h->hosts[hash % HOST_BUCKETS];
}

static duet__host *host_of(duet_http *h, const duet__url *u)
{
	char key[KEY_MAX];
	size_t n = make_key(u, key);
	duet__host **bucket = bucket_of(h, key, n);
	duet__host *host;

	for (host = *bucket; host != NULL; host = host->next)
		if (host->key_len == n && memcmp(host->key, key, n) == 0)
			return host;
	host = malloc(sizeof(*host) + n);
	if (host == NULL)
		return NULL;
	host->active = host->queued = 0;
	host->key_len = n;
	memcpy(host->key, key, n);
	duet__list_init(&host->turn);
	duet__list_init(&host->line);
	host->next = *bucket;
	*bucket = host;
	return host;
}

static void forget_if_unused(duet_http *h, duet__host *host)
{
	duet__host **at;

	if (host->active > 0 || !duet__list_is_empty(&host->line))
		return;
	for (at = bucket_of(h, host->key, host->key_len); *at != host; at = &(*at)->next)
		;
	*at = host->next;
	free(host);
}

static bool may_send(const duet_http *h, const duet__host *host)
{
	return host->active < h->options.max_per_host;
}

/* Puts host among the turns, or takes it out, as its line and its limit have it. */
static void settle_turn(duet_http *h, duet__host *host)
{
	bool has_turn = !duet__list_is_empty(&host->turn);
	bool wants_turn = !duet__list_is_empty(&host->line) && may_send(h, host);

	if (wants_turn && !has_turn)
		duet__list_append(&h->turns, &host->turn);
	else if (!wants_turn && has_turn)
		duet__list_remove(&host->turn);
}

static void take_place(duet_http *h, duet__host *host)
{
	h->active++;
	host->active++;
}

static void free_place(duet_http *h, duet__host *host)
{
	h->active--;
	host->active--;
}

int duet__line_enter(duet__transfer *x)
{
	duet_http *h = x->http;
	duet__host *host = host_of(h, &x->url);

	if (host == NULL)
		return DUET_ENOMEM;
	x->host = host;
	if (h->active < h->limit && may_send(h, host) && duet__list_is_empty(&host->line)) {
		take_place(h, host);
		return 1;
	}
	duet__list_append(&host->line, &x->node);
	host->queued++;
	h->queued++;
	settle_turn(h, host);
	return 0;
}

void duet__line_return(duet__transfer *x)
{
	free_place(x->http, x->host);
	duet__list_append(x->host->line.next, &x->node); /* in front of the first */
	x->host->queued++;
	x->http->queued++;
	settle_turn(x->http, x->host);
}

void duet__line_leave(duet__transfer *x)
{
	duet__host *host = x->host;

	x->host = NULL;
	if (x->state == DUET__TRANSFER_QUEUED) {
		duet__list_remove(&x->node);
		host->queued--;
		x->http->queued--;
	} else {
		free_place(x->http, host);
	}
	settle_turn(x->http, host);
	forget_if_unused(x->http, host);
}

void duet__line_advance(duet_http *h)
{
	while (h->active < h->limit && !duet__list_is_empty(&h->turns)) {
		duet__list *turn = duet__list_first(&h->turns);
		duet__host *host = duet__container_of(turn, duet__host, turn);
		duet__list *first = duet__list_first(&host->line);

		duet__list_remove(turn);
		duet__list_remove(first);
		host->queued--;
		h->queued--;
		take_place(h, host);
		settle_turn(h, host);
		duet__transfer_start(duet__container_of(first, duet__transfer, node));
	}
}
