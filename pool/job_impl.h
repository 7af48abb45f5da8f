/* The job from inside: what the worker's loop and the duet_job_ calls share. */
#ifndef DUET_POOL_JOB_IMPL_H
#define DUET_POOL_JOB_IMPL_H

#include "ipc/arena.h"
#include "ipc/board.h"

#include <duet/job.h>
#include <duet/time.h>

enum { DUET__WORDS_SIZE = 512 };

/* A worker has one, and uses it for every job in turn. */
struct duet_job {
	duet_bytes in;
	uint64_t id;
	unsigned ticket;
	duet__board *board;
	size_t max_payload;

	/* The reply: in scratch while it is short, in a block of the arena once it is not. */
	size_t len;
	duet__block *block;
	duet__arena *arena;
	unsigned char *scratch; /* DUET__FRAME_INLINE_MAX + 1                                   */

	int failed; /* the code of duet_job_fail, or 0                                          */
	char words[DUET__WORDS_SIZE];

	duet_time progressed; /* when progress was last sent,                                   */
	bool is_at_end;       /* and whether all of it                                          */
	void (*send_progress)(duet_job *job, double fraction);
	void (*make_room)(void); /* takes back from the arena what the parent has read          */
};

/* The registry.  Functions are known by their index, which is the same in every worker. */
int duet__job_find(const char *name); /* -> index, -ENOENT */
duet_job_fn *duet__job_function(unsigned index);
const char *duet__job_name(unsigned index);
unsigned duet__job_count(void);
void duet__job_seal(int pools); /* +1: a pool opened, names are fixed; -1: it closed         */

#endif
