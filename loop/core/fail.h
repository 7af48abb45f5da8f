/* How the library's own code fails: it returns the code and leaves the words for duet_errmsg(). */
#ifndef DUET_CORE_FAIL_H
#define DUET_CORE_FAIL_H

#include <duet/error.h>

/* Words: those of the code.  Returns code. */
int duet__fail(int code);

/* Words: as formatted, at most 511 bytes; control bytes in them are shown as '?'.  Returns code. */
int duet__failf(int code, const char *format, ...) DUET_PRINTF(2, 3);

/* For constructors: sets errno too (own codes become EIO, or the errno nearest in meaning). */
void *duet__fail_null(int code);
void *duet__failf_null(int code, const char *format, ...) DUET_PRINTF(2, 3);

/* The code that duet_errmsg() speaks of; 0: none. */
int duet__last_error(void);

/* The words are there already. */
void *duet__null(int code);

#endif
