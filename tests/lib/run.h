/* A run on virtual time, and a log of what happened in it: what most tests of the loop need.
 *
 *     note("%s %d", name, ms());
 *     CHECK_STR(notes(), "a 0, b 100");
 */
#ifndef DUET_TESTS_RUN_H
#define DUET_TESTS_RUN_H

#include <duet/run.h>

/* fn on a new loop whose time jumps; equally ready tasks run first in, first out, or in the order
 * that a seed other than 0 makes. */
int run_virtual(duet_fn *fn, void *arg);
int run_seeded(uint64_t seed, duet_fn *fn, void *arg);

/* Milliseconds, or nanoseconds, since the run began. */
int ms(void);
duet_time ns(void);

/* Appends to the log, with ", " between entries; empties it and returns what it held. */
void note(const char *format, ...) DUET_PRINTF(1, 2);
const char *notes(void);

#endif
