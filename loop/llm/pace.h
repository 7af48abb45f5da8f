/* How fast a client may go: places, budgets and cool-downs.
 *
 * The number of places follows the server (additive increase, multiplicative decrease): it doubles
 * within each round trip until the server first throttles, from then on it gains one; throttled, it
 * halves, once for all requests that were under way at the time. */
#ifndef DUET_LLM_PACE_H
#define DUET_LLM_PACE_H

#include "loop/core/list.h"
#include <duet/ratelimit.h>
#include <duet/time.h>

typedef struct duet__budget {
	duet_ratelimit *bucket; /* NULL while no limit is known                 */
	double per_minute;
	bool is_fixed; /* by the caller: nothing is learned            */
} duet__budget;

typedef struct duet__pace {
	duet__list waiting; /* for a place                                      */
	size_t queued, active;
	double limit, most; /* places                                           */
	bool is_exploring;  /* not throttled so far                             */
	bool closed;
	duet_time cut_at;         /* when the places were last halved           */
	duet_time cooldown_until; /* nobody is to send before                   */
	duet_time longest;        /* cool-down that is waited for               */
	duet__budget requests, tokens;
	uint64_t random; /* state                                      */
} duet__pace;

/* -> 0, -ENOMEM, -EINVAL (a budget that is not finite and positive) */
int duet__pace_init(duet__pace *p, size_t max_concurrent, double rpm, double tpm, duet_time longest,
		    uint64_t seed);
void duet__pace_fini(duet__pace *p);

/* Wakes all that wait, with DUET_ECLOSED. */
void duet__pace_close(duet__pace *p);

/* Takes a place and what the budgets ask for; first come, first served, but who comes again goes
 * first.  Suspends.  -> 0 (then leave), DUET_ECANCELED, DUET_ECLOSED, -ENOMEM */
int duet__pace_enter(duet__pace *p, double tokens, bool again);
void duet__pace_leave(duet__pace *p);

/* An answer came. */
void duet__pace_succeeded(duet__pace *p);

/* The server throttled a request that was sent at that time, and asked for a pause (0 = none). */
void duet__pace_throttled(duet__pace *p, duet_time sent_at, duet_time pause);

/* A request took more tokens than were taken for it (or fewer, below 0). */
void duet__pace_settle(duet__pace *p, double tokens);

/* The server says what is left of which limit, until when: x-ratelimit-*.  Any may be NULL. */
void duet__pace_learn(duet__pace *p, duet__budget *b, const char *limit, const char *remaining,
		      const char *reset);

double duet__pace_random(duet__pace *p); /* in [0, 1) */
uint64_t duet__pace_bits(duet__pace *p);

#endif
