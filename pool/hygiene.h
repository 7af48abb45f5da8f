/* What a forked process must shed before it is fit to run: descriptors, signal handlers, secrets,
 * the terminal.  All of it runs in the child, which has one thread. */
#ifndef DUET_POOL_HYGIENE_H
#define DUET_POOL_HYGIENE_H

#include <stddef.h>
#include <sys/types.h>

/* Closes every descriptor above stderr but those in keep (which it sorts). */
void duet__hygiene_close_others(int keep[], size_t n);

/* Default actions, nothing blocked; SIGINT is ignored: what Ctrl-C means is the parent's to say. */
void duet__hygiene_reset_signals(void);

/* Overwrites the values of environment variables that look like secrets, also where they stand in
 * /proc/self/environ, and removes them. */
void duet__hygiene_wipe_secrets(void);

/* What the parent had not printed yet is the parent's to print. */
void duet__hygiene_forget_output(void);

/* rand() and its kin go on differently from here, in each worker. */
void duet__hygiene_reseed(void);

/* No new privileges, no core file, not traceable, private files, stdin from /dev/null. */
void duet__hygiene_restrict(void);

/* The memory the process may allocate from now on, in bytes.  No effect under AddressSanitizer. */
void duet__hygiene_limit_memory(size_t bytes);

/* Dies with `parent` -> -ESRCH if that is too late. */
int duet__hygiene_die_with(pid_t parent);

#endif
