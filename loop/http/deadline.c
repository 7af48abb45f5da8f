/* When a transfer has taken too long.  It has one timer for all its deadlines, set for the nearest;
 * the bytes that come and go move the stall's deadline without touching it. */
#include "loop/http/handle.h"

static duet_time later(duet_time from, duet_time delay)
{
	return delay >= DUET_FOREVER - from ? DUET_FOREVER : from + delay;
}

static duet_time earlier(duet_time a, duet_time b)
{
	return a < b ? a : b;
}

static duet_time next_deadline(const duet__transfer *x)
{
	duet_time total;

	if (x->state == DUET__TRANSFER_QUEUED)
		return later(x->queued_at, x->http->options.queue_timeout);
	total = later(x->started_at, x->timeout);
	if (x->sends == 0)
		return earlier(total, later(x->started_at, x->connect_timeout));
	if (x->paused)
		return total;
	return earlier(total, later(x->moved_at, x->stall_timeout));
}

/* The timer is left alone if it fires by then: the deadlines are looked at again when it does. */
void duet__transfer_rearm(duet__transfer *x)
{
	duet_time at = next_deadline(x);
	duet_time now;

	if (at == DUET_FOREVER)
		return;
	if (duet__timer_is_started(&x->timer) && x->timer.deadline <= at)
		return;
	now = duet_now();
	if (duet__timer_start(x->http->loop, &x->timer, at > now ? at - now : 0) < 0)
		duet__transfer_blame(x, DUET_ENOMEM, "no memory for a timer");
}

static bool has_uploaded(duet__transfer *x)
{
	curl_off_t sent = 0;

	curl_easy_getinfo(x->handle->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	if (sent == x->uploaded)
		return false;
	x->uploaded = sent;
	return true;
}

static void time_out(duet__transfer *x, const char *what, duet_time limit)
{
	duet__transfer_endf(x, DUET_ETIMEDOUT, "%s %.*s:%u took longer than %.3g s", what,
			    (int)x->url.host_len, x->url.host, x->url.port, (double)limit / 1e9);
}

void duet__transfer_on_deadline(void *timer)
{
	duet__transfer *x = duet__container_of(timer, duet__transfer, timer);
	duet_time now = duet_now();

	if (x->state == DUET__TRANSFER_QUEUED) {
		if (now >= next_deadline(x))
			time_out(x, "queue timeout: the wait in line for",
				 x->http->options.queue_timeout);
		else
			duet__transfer_rearm(x);
		return;
	}
	if (x->state == DUET__TRANSFER_RUNNING && x->sends > 0 && has_uploaded(x))
		x->moved_at = now;
	if (now < next_deadline(x))
		duet__transfer_rearm(x);
	else if (now >= later(x->started_at, x->timeout))
		time_out(x, "timeout: the exchange with", x->timeout);
	else if (x->sends == 0)
		time_out(x, "connect timeout: reaching", x->connect_timeout);
	else
		time_out(x, "stall timeout: silence of", x->stall_timeout);
}
