/* The marks every public header uses.  Include no header for this one alone: each brings it. */
#ifndef DUET_API_H
#define DUET_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DUET_API                  __attribute__((visibility("default")))
#define DUET_PRINTF(words, first) __attribute__((__format__(__printf__, words, first)))
#else
#define DUET_API
#define DUET_PRINTF(words, first)
#endif

/* A call marked so may suspend its task: others run meanwhile, and under a cancelled task or an
 * expired scope it returns DUET_ECANCELED.  Outside a task it returns DUET_ENOTASK. */
#define DUET_SUSPENDS

#if defined(__cplusplus)
#define DUET_BEGIN_DECLS extern "C" {
#define DUET_END_DECLS   }
#else
#define DUET_BEGIN_DECLS
#define DUET_END_DECLS
#endif

/* "file.c:42", for the names of tasks. */
#define DUET_STRINGIFY_(x) #x
#define DUET_STRINGIFY(x)  DUET_STRINGIFY_(x)
#define DUET_HERE          __FILE__ ":" DUET_STRINGIFY(__LINE__)

#endif
