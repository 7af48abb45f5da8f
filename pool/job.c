/* What a job may ask for, in the worker. */
#include "pool/job_impl.h"

#include <duet/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

duet_bytes duet_job_input(const duet_job *job)
{
	return job->in;
}

/* A reply that no longer fits moves to a block that leaves it room to double. */
static int move_to_block(duet_job *job, size_t need)
{
	size_t room = job->block != NULL && need < SIZE_MAX / 2 ? 2 * need : need;
	if (room > job->max_payload)
		room = need;
	duet__block *b = duet__arena_alloc(job->arena, room);
	if (b == NULL && (b = duet__arena_alloc(job->arena, need)) == NULL)
		return -ENOMEM;
	memcpy(duet__block_data(b),
	       job->block != NULL ? duet__block_data(job->block) : job->scratch, job->len);
	duet__arena_free(job->block);
	job->block = b;
	return 0;
}

static int make_room(duet_job *job, size_t len)
{
	if (len > job->max_payload - job->len)
		return -E2BIG;
	size_t need = job->len + len;
	if (job->block == NULL && need <= DUET__FRAME_INLINE_MAX)
		return 0;
	if (job->block == NULL)
		job->make_room();
	if (job->block != NULL && duet__arena_grow(job->block, need))
		return 0;
	return move_to_block(job, need);
}

static unsigned char *reply_data(duet_job *job)
{
	return job->block != NULL ? duet__block_data(job->block) : job->scratch;
}

void *duet_job_reserve(duet_job *job, size_t len)
{
	int r = make_room(job, len);
	if (r < 0) {
		errno = -r;
		return NULL;
	}
	unsigned char *room = reply_data(job) + job->len;
	job->len += len;
	return room;
}

int duet_job_reply(duet_job *job, const void *data, size_t len)
{
	void *room = duet_job_reserve(job, len);
	if (room == NULL)
		return -errno;
	if (len > 0)
		memcpy(room, data, len);
	return 0;
}

int duet_job_fail(duet_job *job, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(job->words, sizeof(job->words), format, args);
	va_end(args);
	job->failed = code < 0 ? code : DUET_EINVAL;
	return job->failed;
}

int duet_job_progress(duet_job *job, double fraction)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	duet_time now = DUET_S((duet_time)t.tv_sec) + t.tv_nsec;
	bool is_end = fraction >= 1 && !job->is_at_end;
	if (is_end || now - job->progressed >= DUET_MS(10)) {
		job->progressed = now;
		job->is_at_end = fraction >= 1;
		job->send_progress(job, fraction);
	}
	return 0;
}

bool duet_job_cancelled(const duet_job *job)
{
	return (atomic_load_explicit(&job->board->claim[job->ticket], memory_order_relaxed) &
		DUET__CLAIM_CANCEL) != 0;
}
