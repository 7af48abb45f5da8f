/* Pure: what to do about an answer that was no success. */
#ifndef DUET_LLM_RETRY_H
#define DUET_LLM_RETRY_H

#include <duet/time.h>

/* Clamped to this; -1 throughout is "not said, or not to be understood". */
#define DUET__RETRY_MAX DUET_S(INT64_C(100) * 365 * 86400)

/* The value of Retry-After: seconds, or an HTTP date seen from now (seconds since 1970). */
duet_time duet__retry_after(const char *value, int64_t now);

/* The value of retry-after-ms. */
duet_time duet__retry_after_ms(const char *value);

/* A duration as in x-ratelimit-reset-*: "20ms", "1.5s", "6m0s", "1h2m3s"; without unit, seconds. */
duet_time duet__retry_duration(const char *value);

/* Whether a request that got this status may be sent again. */
bool duet__retry_status(int status);

/* Whether a request that failed with this code, having got no answer, may be sent again. */
bool duet__retry_code(int code);

/* The pause before attempt number 1, 2, ...: between 0 and 0.5 s doubling to 8 s; random in [0, 1). */
duet_time duet__retry_backoff(unsigned attempt, double random);

#endif
