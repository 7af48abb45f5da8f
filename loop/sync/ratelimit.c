/* A token bucket that stores no tokens, only the moment at which it will be full: whole
 * nanoseconds, and the fraction that repeated rounding would lose.  Taking n tokens moves that
 * moment n periods ahead; a bucket that is `behind` so many nanoseconds lacks behind / period
 * tokens.
 *
 * One timer serves the first in line; it runs exactly while tasks wait.  Whoever changes what the
 * first one waits for (it leaves, the rate changes) calls serve(). */
#include <duet/ratelimit.h>

#include <math.h>
#include <stdlib.h>

#include "loop/core/loop.h"
#include "loop/core/timer.h"
#include "loop/sync/wait.h"

#define LONGEST (100 * 365.25 * 86400e9) /* ns; two such sums still fit an int64_t */

struct duet_ratelimit {
	double period;     /* ns for a token                                                */
	double burst;      /* tokens in a full bucket                                       */
	duet_time full_at; /* on the clock that said `seen`                                 */
	double fraction;   /* ns to add to full_at, 0 <= fraction < 1                       */
	duet_time seen;    /* the last reading; a later one that is smaller is another run's */
	duet__timer timer;
	duet__list takers;
};

struct taker {
	duet__waiter waiter;
	double n;
	duet_time since;
};

static bool is_rate(double per_second, double burst)
{
	double period = 1e9 / per_second;

	return isfinite(per_second) && per_second > 0 && isfinite(burst) && burst > 0 &&
	       burst * period <= LONGEST;
}

static void serve(duet_ratelimit *l);

static void on_timer(void *timer)
{
	serve(duet__container_of(timer, duet_ratelimit, timer));
}

duet_ratelimit *duet_ratelimit_new(double per_second, double burst)
{
	if (!is_rate(per_second, burst))
		return duet__failf_null(DUET_EINVAL, "no rate limit: %g per second, burst %g",
					per_second, burst);
	duet_ratelimit *l = calloc(1, sizeof *l);
	if (l == NULL)
		return duet__fail_null(DUET_ENOMEM);
	l->period = 1e9 / per_second;
	l->burst = burst;
	l->timer.fire = on_timer;
	duet__list_init(&l->takers);
	return l;
}

static duet_time read_clock(duet_ratelimit *l)
{
	duet_time now = duet_now();

	if (now < l->seen)
		l->full_at -= l->seen - now;
	l->seen = now;
	return now;
}

/* ns from `at` until the bucket is full */
static double behind(const duet_ratelimit *l, duet_time at)
{
	double ns = (double)(l->full_at - at) + l->fraction;

	return ns > 0 ? ns : 0;
}

static void set_behind(duet_ratelimit *l, duet_time at, double ns)
{
	double whole = floor(ns);

	l->full_at = at + (duet_time)whole;
	l->fraction = ns - whole;
}

/* Until n tokens, or a full bucket if n is more, are there.  A thousandth of a nanosecond is the
 * rounding of the sums above and no reason to wait. */
static duet_time delay(const duet_ratelimit *l, duet_time now, double n)
{
	double spare = n < l->burst ? (l->burst - n) * l->period : 0;
	double ns = ceil(behind(l, now) - spare - 1e-3);

	return ns > 0 ? (duet_time)ns : 0;
}

/* since: when the taker came.  Reckoned from there and not from now, a timer that fires late
 * costs those in line no tokens. */
static void charge(duet_ratelimit *l, duet_time since, double n)
{
	set_behind(l, since, behind(l, since) + n * l->period);
}

/* Gives those in line what there is and sets the timer for the next one. */
static void serve(duet_ratelimit *l)
{
	duet_loop *loop = duet__loop();
	duet_time now = read_clock(l);
	duet__list *node;

	if (loop == NULL)
		return; /* a forked child, with takers of its parent's run */
	while ((node = duet__list_first(&l->takers)) != NULL) {
		struct taker *first = duet__container_of(node, struct taker, waiter.node);
		duet_time wait = delay(l, now, first->n);

		if (wait > 0) {
			if (duet__timer_start(loop, &l->timer, wait) < 0)
				duet__wake_all(&l->takers, DUET_ENOMEM);
			return;
		}
		charge(l, first->since, first->n);
		duet__wake(&first->waiter, 0);
	}
	duet__timer_stop(loop, &l->timer);
}

static int check(const duet_ratelimit *l, double n)
{
	if (l == NULL)
		return duet__fail_no("rate limit");
	if (!(n >= 0 && n * l->period <= LONGEST))
		return duet__failf(DUET_EINVAL, "cannot take %g tokens at %g per second", n,
				   1e9 / l->period);
	return 0;
}

/* Newcomers take only what nobody waits for. */
static bool take_now(duet_ratelimit *l, double n)
{
	duet_time now = read_clock(l);

	if (!duet__list_is_empty(&l->takers) || delay(l, now, n) > 0)
		return false;
	charge(l, now, n);
	return true;
}

int duet_ratelimit_take(duet_ratelimit *l, double n)
{
	int r = check(l, n);
	if (r < 0 || (r = duet__enter_here()) < 0)
		return r;
	if (take_now(l, n))
		return 0;
	struct taker self = {.waiter = DUET__WAITER_(self.waiter, "rate limit", false),
			     .n = n,
			     .since = l->seen};
	duet__list_append(&l->takers, &self.waiter.node);
	if (!duet__timer_is_started(&l->timer))
		serve(l);
	r = duet__wait_parked(&self.waiter);
	if (r == DUET_ECANCELED)
		serve(l);
	return r;
}

int duet_ratelimit_try_take(duet_ratelimit *l, double n)
{
	int r = check(l, n);
	if (r < 0)
		return r;
	return take_now(l, n) ? 0 : duet__fail(DUET_EAGAIN);
}

int duet_ratelimit_adjust(duet_ratelimit *l, double n)
{
	if (l == NULL)
		return duet__fail_no("rate limit");
	duet_time now = read_clock(l);
	double ns = behind(l, now) + n * l->period;
	if (!isfinite(ns) || ns > 2 * LONGEST)
		return duet__failf(DUET_EINVAL, "cannot adjust a rate limit by %g tokens", n);
	set_behind(l, now, ns > 0 ? ns : 0);
	if (!duet__list_is_empty(&l->takers))
		serve(l);
	return 0;
}

int duet_ratelimit_set(duet_ratelimit *l, double per_second, double burst)
{
	if (l == NULL)
		return duet__fail_no("rate limit");
	double tokens = duet_ratelimit_available(l);
	double lacking = tokens < burst ? burst - tokens : 0;
	if (!is_rate(per_second, burst) || lacking * 1e9 / per_second > 2 * LONGEST)
		return duet__failf(DUET_EINVAL, "no rate limit: %g per second, burst %g",
				   per_second, burst);
	l->period = 1e9 / per_second;
	l->burst = burst;
	set_behind(l, read_clock(l), lacking * l->period);
	if (!duet__list_is_empty(&l->takers))
		serve(l);
	return 0;
}

double duet_ratelimit_available(const duet_ratelimit *l)
{
	duet_ratelimit as_of_now;

	if (l == NULL)
		return 0;
	as_of_now = *l;
	return l->burst - behind(&as_of_now, read_clock(&as_of_now)) / l->period;
}

void duet_ratelimit_free(duet_ratelimit *l)
{
	if (l == NULL)
		return;
	if (duet__timer_is_started(&l->timer) && duet__loop() != NULL)
		duet__timer_stop(duet__loop(), &l->timer);
	duet__wake_all(&l->takers, DUET_ECLOSED);
	free(l);
}
