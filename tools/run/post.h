/* The post step: each reply goes through a function on another core, in a forked worker.
 *
 *     --post NAME          what the program brings (builtin.h)
 *     --post ./lib.so:fn   a duet_job_fn; its input is the reply's text
 *     --post-exec CMD      a command for each worker, which lives as long: a line of JSON in,
 *                          {"custom_id", "text", "body"}, a line of JSON out
 *
 * What comes out stands as `post` in the row: JSON as it is, anything else as a string. */
#ifndef TOOLS_RUN_POST_H
#define TOOLS_RUN_POST_H

#include "tools/run/builtin.h"

#include <duet/duet.h>

enum post_kind { POST_NONE, POST_BUILTIN, POST_LIBRARY, POST_COMMAND };

struct post {
	enum post_kind kind;
	struct builtin builtin;
	char *path, *function; /* of a library */
	const char *command;
};

/* Says what is to be done.  -> NULL, or why not (static) */
const char *post_choose(struct post *p, const char *post, const char *exec);

/* Before the pool is opened: the job, and what its workers need. */
int post_register(struct post *p, duet_pool_options *o);

/* One reply.  *out is set to JSON, or to the words of the failure.
 * -> 0, or what duet_pool_call says */
int post_call(const struct post *p, duet_pool *pool, const char *id, size_t id_len,
	      duet_bytes words, duet_bytes body, struct text *out);

void post_fini(struct post *p);

#endif
