#include "loop/http/shard.h"

#include "loop/http/handle.h"
#include <stdlib.h>

static void on_timer(void *timer)
{
	duet__shard *s = duet__container_of(timer, duet__shard, timer);

	duet__shard_act(s, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wish(CURLM *multi, long ms, void *context)
{
	duet__shard *s = context;

	(void)multi;
	if (ms < 0)
		duet__timer_stop(s->http->loop, &s->timer);
	else if (duet__timer_start(s->http->loop, &s->timer, DUET_MS(ms)) < 0)
		s->kick = true; /* -1 would end every transfer */
	return 0;
}

static bool configure(duet__shard *s)
{
	size_t kept = s->http->options.max_connections;

	/* By default curl closes connections as soon as fewer are in use. */
	if (kept < SHARD_TRANSFERS)
		kept = SHARD_TRANSFERS;
	return curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, duet__socket_wish) ==
		       CURLM_OK &&
	       curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s) == CURLM_OK &&
	       curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish) == CURLM_OK &&
	       curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s) == CURLM_OK &&
	       curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)kept) == CURLM_OK;
}

static duet__shard *shard_open(duet_http *h)
{
	duet__shard *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->http = h;
	s->timer.fire = on_timer;
	duet__list_init(&s->running);
	s->multi = curl_multi_init();
	if (s->multi == NULL || !configure(s)) {
		duet__shard_close(s);
		return NULL;
	}
	return s;
}

void duet__shard_close(duet__shard *s)
{
	if (s->multi != NULL)
		curl_multi_cleanup(s->multi); /* still calls back */
	duet__timer_stop(s->http->loop, &s->timer);
	free(s);
}

duet__shard *duet__shard_pick(duet_http *h)
{
	duet__shard *least = NULL;
	duet__shard *s;

	/* The first with room, so that few requests find their connections still warm. */
	for (size_t i = 0; i < h->shard_count; i++) {
		s = h->shards[i];
		if (s->active < SHARD_TRANSFERS)
			return s;
		if (least == NULL || s->active < least->active)
			least = s;
	}
	if (h->shard_count == SHARDS_MAX)
		return least;
	s = shard_open(h);
	if (s == NULL)
		return least;
	h->shards[h->shard_count++] = s;
	return s;
}

static void finish_done(duet__shard *s)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(s->multi, &left)) != NULL) {
		CURLcode result = m->data.result; /* m dies with the handle's removal */
		char *handle = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &handle);
		duet__transfer_finished(((duet__handle *)(void *)handle)->transfer, result);
	}
}

static void fail_all(duet__shard *s, CURLMcode m)
{
	DUET__LIST_EACH (node, &s->running)
		duet__transfer_endf(duet__container_of(node, duet__transfer, node),
				    m == CURLM_OUT_OF_MEMORY ? DUET_ENOMEM : DUET_EHTTP, "curl: %s",
				    curl_multi_strerror(m));
}

void duet__shard_act(duet__shard *s, curl_socket_t fd, int events)
{
	int running;
	CURLMcode m;

	s->now = 0;
	m = curl_multi_socket_action(s->multi, fd, events, &running);
	if (m == CURLM_OK)
		finish_done(s);
	else
		fail_all(s, m);
	s->now = 0;
}
