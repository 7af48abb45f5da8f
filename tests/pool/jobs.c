#include "tests/pool/jobs.h"

#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long number(duet_job *job)
{
	return strtol(duet_job_input(job).data, NULL, 10);
}

static int job_echo(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	return duet_job_reply(job, in.data, in.len);
}

static int job_upper(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	char *out = duet_job_reserve(job, in.len);
	if (out == NULL)
		return -errno;
	for (size_t i = 0; i < in.len; i++)
		out[i] = (char)toupper(((const unsigned char *)in.data)[i]);
	return 0;
}

static int job_pid(duet_job *job)
{
	pid_t pid = getpid();
	return duet_job_reply(job, &pid, sizeof(pid));
}

static int job_fail(duet_job *job)
{
	return duet_job_fail(job, -EBADMSG, "no good: %s", (const char *)duet_job_input(job).data);
}

static int job_signal(duet_job *job)
{
	int s = (int)number(job);
	if (s != SIGKILL && s != SIGSTOP)
		signal(s, SIG_DFL); /* a sanitizer's handler would exit instead */
	raise(s);
	return 0;
}

static int job_exit(duet_job *job)
{
	exit((int)number(job));
}

static int job_spin(duet_job *job)
{
	(void)job;
	for (;;)
		pause();
	return 0;
}

static int job_polite(duet_job *job)
{
	while (!duet_job_cancelled(job))
		usleep(1000);
	int fd = open(duet_job_input(job).data, O_WRONLY | O_CREAT, 0600);
	if (fd >= 0)
		close(fd);
	return 0;
}

static int job_sleep(duet_job *job)
{
	usleep((useconds_t)number(job) * 1000);
	return job_echo(job);
}

static int job_sum(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	uint64_t sum = 0;
	for (size_t i = 0; i < in.len; i++)
		sum += ((const unsigned char *)in.data)[i];
	return duet_job_reply(job, &sum, sizeof(sum));
}

static int job_grow(duet_job *job)
{
	size_t n = (size_t)number(job);
	void *room = duet_job_reserve(job, n);
	if (room == NULL)
		return -errno;
	memset(room, 'x', n);
	return 0;
}

static int job_count(duet_job *job)
{
	static int jobs;
	jobs++;
	return duet_job_reply(job, &jobs, sizeof(jobs));
}

static int job_hog(duet_job *job)
{
	size_t n = (size_t)number(job);
	volatile char *p = malloc(n);
	if (p == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i += 4096)
		p[i] = 1;
	free((void *)p);
	return 0;
}

static int job_progress(duet_job *job)
{
	for (int i = 1; i <= 3; i++) {
		duet_job_progress(job, i / 4.0);
		usleep(20000);
	}
	return 0;
}

static int job_print(duet_job *job)
{
	printf("%s\n", (const char *)duet_job_input(job).data);
	return 0;
}

static int job_env(duet_job *job)
{
	const char *value = getenv(duet_job_input(job).data);
	return value != NULL ? duet_job_reply(job, value, strlen(value)) : -ENOENT;
}

void jobs_register(void)
{
	static const struct {
		const char *name;
		duet_job_fn *fn;
	} jobs[] = {
		{"echo", job_echo}, {"upper", job_upper},       {"pid", job_pid},
		{"fail", job_fail}, {"signal", job_signal},     {"exit", job_exit},
		{"spin", job_spin}, {"polite", job_polite},     {"sleep", job_sleep},
		{"sum", job_sum},   {"grow", job_grow},         {"count", job_count},
		{"hog", job_hog},   {"progress", job_progress}, {"print", job_print},
		{"env", job_env},
	};
	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++)
		CHECK_OK(duet_job_register(jobs[i].name, jobs[i].fn));
}

duet_pool *jobs_pool(const duet_pool_options *o)
{
	jobs_register();
	duet_pool *p = duet_pool_open(o);
	if (p == NULL)
		test_fail(__FILE__, __LINE__, "duet_pool_open: %s", duet_errmsg());
	return p;
}

static bool has_sockets(void)
{
	char path[32], target[32];
	for (int fd = 3; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target)) > 7 && memcmp(target, "socket:", 7) == 0)
			return true;
	}
	return false;
}

void jobs_close(duet_pool *p)
{
	CHECK_OK(duet_pool_close(p));
	for (int ms = 0; has_sockets() && ms < 1000; ms++)
		poll(NULL, 0, 1);
}

pid_t jobs_pid(duet_pool *p)
{
	duet_buf out = {0};
	pid_t pid;
	CHECK_OK(duet_pool_call(p, "pid", DUET_BYTES(NULL, 0), &out));
	CHECK_EQ(out.len, sizeof(pid));
	memcpy(&pid, out.data, sizeof(pid));
	duet_buf_free(&out);
	return pid;
}

void jobs_wait_until(bool (*what)(void *), void *arg)
{
	for (int i = 0; i < 15000; i++) {
		if (what(arg))
			return;
		duet_sleep(DUET_MS(2));
	}
	test_fail(__FILE__, __LINE__, "waited in vain");
}

pid_t jobs_zygote_of(pid_t worker)
{
	pid_t parent = process_parent(worker);
	return process_is_called(parent, "duet-zygote") ? parent : 0;
}
