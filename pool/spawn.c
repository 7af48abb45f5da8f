#include "pool/spawn.h"

#include "pool/hygiene.h"
#include "pool/worker.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLAIN_FORK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PLAIN_FORK 1
#endif
#endif
#if !defined(__x86_64__) && !defined(__aarch64__) && !defined(PLAIN_FORK)
#define PLAIN_FORK 1 /* elsewhere the arguments come in another order */
#endif

static void name_process(const char *format, int number)
{
	char name[16];
	snprintf(name, sizeof(name), format, number);
	prctl(PR_SET_NAME, name);
}

/* Streams that the program had open keep their numbers: those must stay closed, and not become
 * a channel to be written to by mistake.  Numbers beyond ENOUGH would cost each process a table. */
static int first_free_number(void)
{
	enum { ENOUGH = 1024 };
	int most = STDERR_FILENO;
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	while (d != NULL && (e = readdir(d)) != NULL)
		if (atoi(e->d_name) > most)
			most = atoi(e->d_name);
	if (d != NULL)
		closedir(d);
	return most < ENOUGH ? most + 1 : ENOUGH;
}

/* A group of its own: what the terminal sends to the parent's group is not meant for it.
 * -> the lowest number for descriptors of its own */
static int settle_zygote(const duet__plan *plan, int control)
{
	name_process("duet-zygote", 0);
	setpgid(0, 0);
	int first_fd = first_free_number();
	duet__hygiene_reset_signals();
	duet__hygiene_forget_output();
	duet__hygiene_close_others((int[]){control, plan->arena_fd}, 2);
	if (!plan->options.keep_secrets)
		duet__hygiene_wipe_secrets();
	duet__hygiene_restrict();
	return first_fd;
}

/* A fork without SIGCHLD: neither the program's handler nor its wait(), which might wait for ever,
 * meets a process that it knows nothing of.  There is one thread, so nothing needs the care that
 * fork() takes; sanitizers do. */
static pid_t fork_apart(void)
{
#if defined(PLAIN_FORK)
	return fork();
#else
	return (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL);
#endif
}

pid_t duet__spawn_zygote(const duet__plan *plan, int control)
{
	pid_t parent = getpid();
	pid_t pid = fork_apart();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	int first_fd = settle_zygote(plan, control);
	duet__zygote_run(plan, control, parent, first_fd);
}

static void redirect_output(int fd)
{
	if (fd < 0)
		return;
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

/* The number-th of the cores we may use, counted round and round. */
static void pin_to_core(int number)
{
	cpu_set_t may, one;
	if (sched_getaffinity(0, sizeof(may), &may) < 0 || CPU_COUNT(&may) == 0)
		return;
	int skip = number % CPU_COUNT(&may);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &may) || skip-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static void apply_limits(const duet_pool_options *o, int number)
{
	if (o->memory_limit > 0)
		duet__hygiene_limit_memory(o->memory_limit);
	if (o->nice != 0)
		setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + o->nice);
	if (o->pin_workers)
		pin_to_core(number);
}

static void settle_worker(const duet__plan *plan, const duet__order *order, pid_t zygote)
{
	if (duet__hygiene_die_with(zygote) < 0)
		_exit(0);
	name_process("duet-worker-%d", order->number);
	setpgid(0, 0);
	redirect_output(order->output_fd);
	duet__hygiene_close_others((int[]){plan->arena_fd, order->memory_fd, order->offer.fd}, 3);
	duet__hygiene_reset_signals();
	duet__hygiene_reseed();
	apply_limits(&plan->options, order->number);
}

pid_t duet__spawn_worker(const duet__plan *plan, const duet__order *order)
{
	pid_t zygote = getpid();
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		setpgid(pid, pid); /* both sides do it: whoever comes first */
		return pid;
	}
	settle_worker(plan, order, zygote);
	duet__worker_run(plan, order);
}
