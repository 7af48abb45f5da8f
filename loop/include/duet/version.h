/* Which duet this is: at compile time by macro, at run time by call. */
#ifndef DUET_VERSION_H
#define DUET_VERSION_H

#include <duet/api.h>

#define DUET_VERSION_MAJOR 0
#define DUET_VERSION_MINOR 1
#define DUET_VERSION_PATCH 0
#define DUET_VERSION_NUM                                                                           \
	(DUET_VERSION_MAJOR * 10000 + DUET_VERSION_MINOR * 100 + DUET_VERSION_PATCH)
#define DUET_VERSION_STRING                                                                        \
	DUET_STRINGIFY(DUET_VERSION_MAJOR)                                                         \
	"." DUET_STRINGIFY(DUET_VERSION_MINOR) "." DUET_STRINGIFY(DUET_VERSION_PATCH)

DUET_BEGIN_DECLS

DUET_API int duet_version(void);                /* DUET_VERSION_NUM of the library that runs */
DUET_API const char *duet_version_string(void); /* the same in words; static */

DUET_END_DECLS

#endif
