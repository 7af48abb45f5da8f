/* Pure: numbers as people write them. */
#ifndef TOOLS_UNITS_H
#define TOOLS_UNITS_H

#include <duet/time.h>

/* "5", "2.5", finite.  All of these: -> whether text is one, whole; *out is set only then. */
bool units_real(const char *text, double *out);
bool units_count(const char *text, long *out); /* digits only */
/* "200ms", "5s", "10m", "1h30m", "2d"; a bare number is seconds */
bool units_time(const char *text, duet_time *out);
/* "4096", "64K", "16M", "2G" */
bool units_size(const char *text, long *out);

/* "1.5 s", "240 ms", "3 m 10 s" into words; returns words. */
const char *units_say_time(char words[32], duet_time t);
/* "950", "12.3k", "4.5M" */
const char *units_say_count(char words[32], double n);

#endif
