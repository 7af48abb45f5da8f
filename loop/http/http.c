#include "loop/http/client.h"

#include "loop/core/fail.h"
#include "loop/core/park.h"
#include "loop/http/handle.h"
#include "loop/http/shard.h"
#include <duet/version.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Requests go out by so many, as long as the turn is young: on a kept connection one takes a few
 * microseconds, opening one takes tens, and nobody else runs meanwhile. */
enum { STARTS_AT_ONCE = 16 };
#define STARTS_FOR DUET_US(300)

enum { FDS_FOR_OTHERS = 32 };

/* --- curl --- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static atomic_bool curl_is_up;
static CURLcode curl_result;

static void start_curl(void)
{
	curl_result = curl_global_init(CURL_GLOBAL_DEFAULT);
	atomic_store(&curl_is_up, true);
}

static void start_curl_once(void *arg)
{
	(void)arg;
	pthread_once(&curl_once, start_curl);
}

bool duet__http_is_up(void)
{
	return atomic_load(&curl_is_up);
}

/* --- options --- */

static int copy_string(const char **slot)
{
	if (*slot == NULL)
		return 0;
	*slot = strdup(*slot);
	return *slot != NULL ? 0 : DUET_ENOMEM;
}

static void fill_defaults(duet_http_options *o)
{
	static const duet_http_options defaults = {
		.max_connections = 1000,
		.max_per_host = SIZE_MAX,
		.connect_timeout = DUET_S(10),
		.timeout = DUET_S(300),
		.stall_timeout = DUET_S(60),
		.queue_timeout = DUET_FOREVER,
		.idle_timeout = DUET_S(50),
		.max_body = (size_t)64 * 1024 * 1024,
		.user_agent = "duet/" DUET_VERSION_STRING,
	};

#define FILL(field)                                                                                \
	if (o->field == 0)                                                                         \
	o->field = defaults.field
	FILL(max_connections);
	FILL(max_per_host);
	FILL(connect_timeout);
	FILL(timeout);
	FILL(stall_timeout);
	FILL(queue_timeout);
	FILL(idle_timeout);
	FILL(max_body);
	FILL(user_agent);
#undef FILL
}

static int check_options(const duet_http_options *o)
{
	const duet_time times[] = {o->connect_timeout, o->timeout, o->stall_timeout,
				   o->queue_timeout, o->idle_timeout};

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		if (times[i] < 0)
			return duet__failf(DUET_EINVAL, "a timeout of the client is below zero");
	if (o->max_redirects < 0)
		return duet__failf(DUET_EINVAL, ".max_redirects is below zero");
	if (o->ca_file != NULL && access(o->ca_file, R_OK) != 0)
		return duet__failf(DUET_EINVAL, "the CA file %.200s cannot be read", o->ca_file);
	if (o->user_agent != NULL && strpbrk(o->user_agent, "\r\n") != NULL)
		return duet__failf(DUET_EINVAL, "the user agent holds a line end");
	return 0;
}

/* Leaves a few descriptors to the rest of the program. */
static void heed_descriptors(duet_http_options *o)
{
	struct rlimit r;
	size_t most;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == RLIM_INFINITY)
		return;
	most = r.rlim_cur > 2 * FDS_FOR_OTHERS ? r.rlim_cur - FDS_FOR_OTHERS : FDS_FOR_OTHERS;
	if (o->max_connections > most)
		o->max_connections = most;
}

static int take_options(duet_http *h, const duet_http_options *o)
{
	int r;

	if (o != NULL && (r = check_options(o)) < 0)
		return r;
	r = duet__proxies_init(&h->proxies, o != NULL ? o->proxy : NULL,
			       o != NULL ? o->no_proxy : NULL);
	if (r < 0)
		return duet__fail(r);
	if (o != NULL)
		h->options = *o;
	h->options.proxy = h->options.no_proxy = NULL;
	fill_defaults(&h->options);
	heed_descriptors(&h->options);
	h->limit = h->options.max_connections;
	if (asprintf(&h->agent_line, "User-Agent: %s", h->options.user_agent) < 0)
		h->agent_line = NULL;
	h->options.user_agent = NULL;
	if (copy_string(&h->options.ca_file) < 0 || h->agent_line == NULL)
		return duet__fail(DUET_ENOMEM);
	return 0;
}

/* --- life --- */

static void free_client(duet_http *h)
{
	duet__handle *handle;

	while ((handle = h->idle_handles) != NULL) {
		h->idle_handles = handle->next;
		duet__handle_free(handle);
	}
	duet__proxies_fini(&h->proxies);
	free((char *)h->options.ca_file);
	free(h->agent_line);
	free(h);
}

static void free_client_on_loop_stack(void *h)
{
	free_client(h);
}

void duet__http_unref(duet_http *h)
{
	if (--h->references == 0)
		duet__on_loop_stack(free_client_on_loop_stack, h);
}

duet_http *duet_http_open(const duet_http_options *o)
{
	duet_http *h;
	int r;

	duet__on_loop_stack(start_curl_once, NULL);
	if (curl_result != CURLE_OK)
		return duet__failf_null(DUET_ENOMEM, "curl cannot start: %s",
					curl_easy_strerror(curl_result));
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return duet__fail_null(DUET_ENOMEM);
	h->references = 1;
	h->owner = getpid();
	duet__list_init(&h->turns);
	duet__list_init(&h->starting);
	duet__list_init(&h->resuming);
	duet__list_init(&h->broken);
	if ((r = take_options(h, o)) < 0) {
		free_client(h);
		errno = -r;
		return NULL;
	}
	return h;
}

/* --- the run --- */

static void resume_paused(duet_http *h)
{
	duet__list *node;

	while ((node = duet__list_first(&h->resuming)) != NULL) {
		duet__transfer *x = duet__container_of(node, duet__transfer, resume);

		duet__list_remove(node);
		x->paused = false;
		x->moved_at = duet_now();
		duet__transfer_rearm(x);
		x->shard->kick = true;
		x->shard->now = x->moved_at;
		curl_easy_pause(x->handle->easy, CURLPAUSE_CONT);
	}
}

static void start_some(duet_http *h)
{
	duet__list *node;

	for (int i = 0; i < STARTS_AT_ONCE; i++) {
		if ((node = duet__list_first(&h->starting)) == NULL)
			return;
		duet__transfer_run(duet__container_of(node, duet__transfer, node));
	}
}

static void act_where_kicked(duet_http *h)
{
	for (size_t i = 0; i < h->shard_count; i++) {
		if (!h->shards[i]->kick)
			continue;
		h->shards[i]->kick = false;
		duet__shard_act(h->shards[i], CURL_SOCKET_TIMEOUT, 0);
	}
}

/* Closes the shards that nobody uses, and with them their connections. */
static void drop_idle(duet_http *h)
{
	size_t kept = 0;

	h->is_crowded = false;
	for (size_t i = 0; i < h->shard_count; i++) {
		if (h->shards[i]->active > 0)
			h->shards[kept++] = h->shards[i];
		else
			duet__shard_close(h->shards[i]);
	}
	h->shard_count = kept;
}

static void on_turn_end(duet__hook *hook)
{
	duet_http *h = duet__container_of(hook, duet_http, hook);
	duet_time begun = duet_now();

	duet__sockets_report_broken(h);
	if (h->is_crowded)
		drop_idle(h);
	resume_paused(h);
	do {
		start_some(h);
		act_where_kicked(h);
	} while (!duet__list_is_empty(&h->starting) && duet_now() - begun < STARTS_FOR);
	if (!duet__list_is_empty(&h->starting))
		duet__hook_arm(h->loop, &h->hook);
}

/* Lets go of all that belongs to the run.  Nothing may be under way. */
static void detach(duet_http *h)
{
	duet__loop_detach(&h->attachment);
	duet__hook_disarm(&h->hook);
	for (size_t i = 0; i < h->shard_count; i++)
		duet__shard_close(h->shards[i]);
	h->shard_count = 0;
	duet__sockets_forget(h);
	h->loop = NULL;
}

static void end_first(duet__list *transfers)
{
	duet__transfer *x = duet__container_of(transfers->next, duet__transfer, node);

	duet__transfer_endf(x, DUET_ECLOSED, "the HTTP client was closed");
}

/* Those in line first, so that no place that becomes free is taken. */
static void end_all(duet_http *h)
{
	for (size_t i = 0; i < HOST_BUCKETS; i++)
		for (duet__host *host = h->hosts[i], *next; host != NULL; host = next) {
			next = host->next;
			for (size_t n = host->queued; n > 0; n--)
				end_first(&host->line);
		}
	while (!duet__list_is_empty(&h->starting))
		end_first(&h->starting);
	for (size_t i = 0; i < h->shard_count; i++)
		while (!duet__list_is_empty(&h->shards[i]->running))
			end_first(&h->shards[i]->running);
}

static void shut_down(void *client)
{
	duet_http *h = client;

	end_all(h);
	detach(h);
}

static void on_run_closing(duet__attachment *attachment)
{
	shut_down(duet__container_of(attachment, duet_http, attachment));
}

static void describe(duet__attachment *attachment, FILE *to)
{
	const duet_http *h = duet__container_of(attachment, duet_http, attachment);

	fprintf(to,
		"http: %zu requests under way, %zu in line, %zu sockets, %llu done, %llu failed\n",
		h->active, h->queued, h->open_sockets, (unsigned long long)h->done,
		(unsigned long long)h->failed);
}

int duet__http_attach(duet_http *h)
{
	duet_loop *loop = duet__loop();

	if (h == NULL)
		return duet__failf(DUET_EINVAL, "the HTTP client is NULL");
	if (h->closed)
		return duet__failf(DUET_ECLOSED, "the HTTP client is closed");
	if (h->loop == loop)
		return 0;
	if (h->loop != NULL)
		return duet__failf(DUET_EINVAL, "the HTTP client serves a run on another thread");
	h->loop = loop;
	h->attachment.closing = on_run_closing;
	h->attachment.describe = describe;
	duet__hook_init(&h->hook, on_turn_end);
	duet__loop_attach(loop, &h->attachment);
	return 0;
}

void duet_http_close(duet_http *h)
{
	if (h == NULL || h->closed || h->owner != getpid())
		return;
	h->closed = true;
	if (h->loop != NULL)
		duet__on_loop_stack(shut_down, h);
	duet__http_unref(h);
}

int duet_http_stats(const duet_http *h, duet_http_stats_t *out)
{
	if (h == NULL || out == NULL)
		return duet__failf(DUET_EINVAL, "the client and the statistics must not be NULL");
	*out = (duet_http_stats_t){
		.active = h->active,
		.queued = h->queued,
		.sockets = h->open_sockets,
		.done = h->done,
		.failed = h->failed,
		.opened = h->opened,
		.resent = h->resent,
	};
	return 0;
}
