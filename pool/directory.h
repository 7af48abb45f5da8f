/* The private directory in which a transport may put its sockets. */
#ifndef DUET_POOL_DIRECTORY_H
#define DUET_POOL_DIRECTORY_H

#include <stddef.h>

/* Makes a fresh one, mode 0700, under $XDG_RUNTIME_DIR, $TMPDIR or /tmp, whichever is the first
 * that exists.  -> 0, -ENAMETOOLONG, -errno */
int duet__directory_make(char *path, size_t size);

/* With the sockets in it.  "" is fine. */
void duet__directory_remove(const char *path);

#endif
