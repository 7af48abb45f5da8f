/* Whole files.  A file is always "ready" and yet may take long, so these calls work on helper
 * threads (see <duet/thread.h>) while the other tasks go on.
 *
 *     duet_buf text = {0};
 *     if (duet_file_read("prompts.txt", &text) < 0)
 *             fprintf(stderr, "%s\n", duet_errmsg());      // "open prompts.txt: No such file ..."
 */
#ifndef DUET_FILE_H
#define DUET_FILE_H

#include <duet/api.h>
#include <duet/bytes.h>

DUET_BEGIN_DECLS

/* Reads all of it, to its end, whatever kind of file it is (a FIFO waits for its writer);
 * NUL-terminated behind .len.
 * -> 0 (out is the caller's to free), -errno of open or read, -EISDIR, -EINVAL (NULL), -ENOMEM,
 * -EAGAIN (no thread can be started), DUET_ECANCELED, DUET_ENOTASK */
DUET_SUSPENDS DUET_API int duet_file_read(const char *path, duet_buf *out);

/* Creates the file (mode 0666 less the umask) or replaces what was in it.  data is copied first: a
 * write that was cancelled goes on by itself.  If it fails, what is in the file is undefined.
 * -> 0 (all of it was written, and close found no error), -errno, -EINVAL (NULL), -ENOMEM, -EAGAIN
 * (no thread can be started), DUET_ECANCELED, DUET_ENOTASK */
DUET_SUSPENDS DUET_API int duet_file_write(const char *path, duet_bytes data);

DUET_END_DECLS

#endif
