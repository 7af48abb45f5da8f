/* A rate limit: a bucket that holds `burst` tokens and gains `per_second` of them each second.
 * It bounds how often things start; <duet/sem.h> bounds how many run at once.
 *
 *     duet_ratelimit *rpm = duet_ratelimit_new(600 / 60.0, 10);      // 600 a minute
 *     ...
 *     duet_ratelimit_take(rpm, 1);               // one request
 *
 * Life: new -> take -> free.  First come, first served: a large take is not overtaken by small
 * ones behind it.  A take larger than the bucket waits until the bucket is full and then goes into
 * debt, which those behind it wait out, so the rate holds in the long run.  A cancelled take costs
 * nothing.  Time is duet_now(), so it keeps virtual time where the run does. */
#ifndef DUET_RATELIMIT_H
#define DUET_RATELIMIT_H

#include <duet/api.h>

typedef struct duet_ratelimit duet_ratelimit;

DUET_BEGIN_DECLS

/* Starts full.  -> gives a limit, or NULL with errno ENOMEM or EINVAL (a number that is not
 * finite and positive) */
DUET_API duet_ratelimit *duet_ratelimit_new(double per_second, double burst);

/* Takes n tokens; suspends until they are there.
 * -> 0, -EINVAL (n negative, not finite, or more than 100 years' worth), DUET_ECANCELED,
 * DUET_ENOTASK, -ENOMEM, DUET_ECLOSED (freed meanwhile) */
DUET_SUSPENDS DUET_API int duet_ratelimit_take(duet_ratelimit *l, double n);

/* The same without waiting.  -> 0, -EAGAIN, -EINVAL */
DUET_API int duet_ratelimit_try_take(duet_ratelimit *l, double n);

/* Corrects what was taken on an estimate: n more tokens are gone (n < 0: are back), at once and
 * for all who wait.  -> 0, -EINVAL */
DUET_API int duet_ratelimit_adjust(duet_ratelimit *l, double n);

/* Changes the rate and the bucket; the tokens in it stay, as far as it holds them.
 * -> 0, -EINVAL */
DUET_API int duet_ratelimit_set(duet_ratelimit *l, double per_second, double burst);

/* Tokens in the bucket now; below 0 while it is in debt. */
DUET_API double duet_ratelimit_available(const duet_ratelimit *l);

/* Tasks still waiting get DUET_ECLOSED.  NULL is fine. */
DUET_API void duet_ratelimit_free(duet_ratelimit *l);

DUET_END_DECLS

#endif
