#include "pool/job_impl.h"

#include "loop/core/fail.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Written before pools open, read afterwards: only registering needs the lock. */
static struct {
	pthread_mutex_t lock;
	struct entry {
		char *name;
		duet_job_fn *fn;
	} * jobs;
	unsigned n;
	int pools;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum { JOBS_MAX = 4096 };

int duet__job_find(const char *name)
{
	for (unsigned i = 0; i < registry.n; i++)
		if (strcmp(registry.jobs[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

duet_job_fn *duet__job_function(unsigned index)
{
	return index < registry.n ? registry.jobs[index].fn : NULL;
}

const char *duet__job_name(unsigned index)
{
	return index < registry.n ? registry.jobs[index].name : "?";
}

unsigned duet__job_count(void)
{
	return registry.n;
}

void duet__job_seal(int pools)
{
	pthread_mutex_lock(&registry.lock);
	registry.pools += pools;
	pthread_mutex_unlock(&registry.lock);
}

static int append(const char *name, duet_job_fn *fn)
{
	if (registry.pools > 0)
		return duet__failf(-EBUSY,
				   "job \"%s\": register jobs before the first "
				   "duet_pool_open",
				   name);
	if (duet__job_find(name) >= 0)
		return duet__failf(-EEXIST, "job \"%s\" is registered already", name);
	if (registry.n == JOBS_MAX)
		return duet__failf(DUET_E2BIG, "more than %d jobs", JOBS_MAX);
	struct entry *jobs = realloc(registry.jobs, (registry.n + 1) * sizeof(*jobs));
	if (jobs == NULL)
		return duet__fail(DUET_ENOMEM);
	registry.jobs = jobs;
	char *copy = strdup(name);
	if (copy == NULL)
		return duet__fail(DUET_ENOMEM);
	jobs[registry.n++] = (struct entry){copy, fn};
	return 0;
}

int duet_job_register(const char *name, duet_job_fn *fn)
{
	if (name == NULL || name[0] == 0 || fn == NULL)
		return duet__failf(DUET_EINVAL, "a job needs a name and a function");
	pthread_mutex_lock(&registry.lock);
	int r = append(name, fn);
	pthread_mutex_unlock(&registry.lock);
	return r;
}
