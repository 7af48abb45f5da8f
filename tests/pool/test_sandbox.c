/* What a job in a sandboxed worker can and cannot do. */
#include "pool/sandbox.h"
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static duet_pool *pool;
static int opened_before = -1;

/* Each job returns 0 if it was refused, 1 if it was not. */

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int open_file(duet_job *job)
{
	char mode = *(const char *)duet_job_input(job).data;

	return try_open((const char *)duet_job_input(job).data + 1,
			mode == 'r' ? O_RDONLY : O_WRONLY | O_CREAT);
}

static int open_socket(duet_job *job)
{
	(void)job;
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static int fork_child(duet_job *job)
{
	pid_t pid = fork();

	(void)job;
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static int exec_shell(duet_job *job)
{
	(void)job;
	execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
	return 0;
}

static int signal_parent(duet_job *job)
{
	pid_t parent;

	memcpy(&parent, duet_job_input(job).data, sizeof(parent));
	return kill(parent, 0) == 0 || ptrace(PTRACE_ATTACH, parent, NULL, NULL) == 0;
}

static void *set_flag(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int run_thread(duet_job *job)
{
	pthread_t thread;
	int flag = 0;

	(void)job;
	if (pthread_create(&thread, NULL, set_flag, &flag) == 0)
		pthread_join(thread, NULL);
	return flag;
}

static int read_open_file(duet_job *job)
{
	char byte;

	(void)job;
	return pread(opened_before, &byte, 1, 0) == 1;
}

static int die(duet_job *job)
{
	(void)job;
	abort();
}

static int on_start(void *arg)
{
	(void)arg;
	opened_before = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	return opened_before;
}

static int call(const char *job, const char *text)
{
	return duet_pool_call(pool, job, DUET_BYTES(text, strlen(text) + 1), NULL);
}

static int try_everything(void *scratch)
{
	char path[300];
	pid_t self = getpid();

	snprintf(path, sizeof(path), "w%s/new", (char *)scratch);
	CHECK_EQ(call("open", path), 0);
	CHECK_EQ(access(path + 1, F_OK), -1);
	CHECK_EQ(call("open", "r/etc/passwd"), 0);
	CHECK_EQ(call("open", "r/usr/bin/env"), 1);
	CHECK_EQ(call("socket", ""), 0);
	CHECK_EQ(call("fork", ""), 0);
	CHECK_EQ(call("exec", ""), 0);
	CHECK_EQ(duet_pool_call(pool, "parent", DUET_BYTES(&self, sizeof(self)), NULL), 0);
	CHECK_EQ(call("thread", ""), 1);
	CHECK_EQ(call("read", ""), 1);
	CHECK_ERR(call("die", ""), DUET_EWORKER);
	CHECK_HAS(duet_errmsg(), "SIGABRT");
	CHECK_EQ(call("socket", ""), 0);
	return 0;
}

static void try_in(duet_transport transport)
{
	if (duet__sandbox_probe() < 0)
		SKIP("this kernel has no Landlock, or no seccomp");
	if (test_is_slow())
		SKIP("sanitizers start processes and open files of their own");
	CHECK_OK(duet_job_register("open", open_file));
	CHECK_OK(duet_job_register("socket", open_socket));
	CHECK_OK(duet_job_register("fork", fork_child));
	CHECK_OK(duet_job_register("exec", exec_shell));
	CHECK_OK(duet_job_register("parent", signal_parent));
	CHECK_OK(duet_job_register("thread", run_thread));
	CHECK_OK(duet_job_register("read", read_open_file));
	CHECK_OK(duet_job_register("die", die));
	pool = jobs_pool(&(duet_pool_options){.workers = 1,
					      .sandbox = true,
					      .on_worker_start = on_start,
					      .transport = transport});
	CHECK_OK(duet_run(try_everything, (void *)test_scratch()));
	jobs_close(pool);
}

/* Files, sockets, processes and neighbours are out of reach; threads and what was open are not. */
TEST(sandbox_refuses_what_a_job_has_no_business_with)
{
	try_in(DUET_TRANSPORT_DEFAULT);
}

/* The same over nng, whose own sockets were open before. */
TEST(sandbox_works_over_nng)
{
	test_allow_fds(2); /* nng's own */
	try_in(DUET_TRANSPORT_NNG);
}
