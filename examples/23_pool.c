/* Lesson 23: why processes.
 *
 * Threads would use all cores in C as well.  A pool of processes is for what can go wrong: a job
 * that crashes, one that never ends, one that wants all the memory.  Each fails alone; its worker
 * is replaced, and the jobs beside it never notice. */
#include "lesson.h"

#include <signal.h>
#include <unistd.h>

static int work(duet_job *job)
{
	return duet_job_reply(job, "15", 2);
}

static int crash(duet_job *job)
{
	(void)job;
	return kill(getpid(), SIGSEGV);
}

static int loop_for_ever(duet_job *job)
{
	while (duet_job_progress(job, 0.5) >= 0)
		continue;
	return 0;
}

static int complain(duet_job *job)
{
	return duet_job_fail(job, -EBADMSG, "line %d makes no sense", 3);
}

static int call(void *pool, size_t i)
{
	static const char *const jobs[] = {"work", "crash", "loop", "complain", "unknown", "work"};
	duet_call_options limit = {.timeout = DUET_MS(200)};
	int r = duet_pool_call_with(pool, &limit, jobs[i], DUET_STR(""), NULL);

	printf("%s: %s%s%s\n", jobs[i], r < 0 ? duet_err_name(r) : "ok", r == -EBADMSG ? ", " : "",
	       r == -EBADMSG ? duet_errmsg() : "");
	return r == DUET_ECANCELED ? r : 0;
}

static int lesson(void *pool)
{
	return duet_map(6, 1, call, pool, NULL);
}

int main(void)
{
	duet_job_register("work", work);
	duet_job_register("crash", crash);
	duet_job_register("loop", loop_for_ever);
	duet_job_register("complain", complain);
	return lesson_run_pool(lesson, 2);
}
