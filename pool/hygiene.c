#include "pool/hygiene.h"

#include "loop/core/sanitizer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RESERVES_ADDRESS_SPACE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RESERVES_ADDRESS_SPACE 1
#endif
#endif

static void close_each_possible(unsigned first, unsigned last)
{
	long open_max = sysconf(_SC_OPEN_MAX);
	for (unsigned fd = first; fd <= last && (long)fd < open_max; fd++)
		close((int)fd);
}

/* Before Linux 5.9.  There may be room for a billion descriptors, of which ten are open. */
static void close_range_slowly(unsigned first, unsigned last)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	if (d == NULL) {
		close_each_possible(first, last);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		unsigned long fd = strtoul(e->d_name, NULL, 10);
		if (e->d_name[0] != '.' && fd >= first && fd <= last && fd != (unsigned)dirfd(d))
			close((int)fd);
	}
	closedir(d);
}

static void close_between(unsigned first, unsigned last)
{
	if (first <= last && syscall(SYS_close_range, first, last, 0) < 0)
		close_range_slowly(first, last);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void duet__hygiene_close_others(int keep[], size_t n)
{
	unsigned next = STDERR_FILENO + 1;
	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)next)
			continue;
		close_between(next, (unsigned)keep[i] - 1);
		next = (unsigned)keep[i] + 1;
	}
	close_between(next, UINT32_MAX);
}

void duet__hygiene_reset_signals(void)
{
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	signal(SIGINT, SIG_IGN);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void duet__hygiene_reseed(void)
{
	unsigned seed = (unsigned)getpid();
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed *= 2654435761u;
	srandom(seed);
	srand48((long)seed);
}

static int is_secret(const char *entry)
{
	static const char *const patterns[] = {"OPENAI_*=*", "*API_KEY=*",    "*APIKEY=*",
					       "*TOKEN*=*",  "*SECRET*=*",    "*PASSWORD*=*",
					       "*PASSWD*=*", "*CREDENTIAL*=*"};
	const char *end = strchr(entry, '=');
	char name[256];
	if (end == NULL || (size_t)(end - entry) + 2 > sizeof(name))
		return 0;
	memcpy(name, entry, (size_t)(end - entry) + 1);
	name[end - entry + 1] = 0;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return 1;
	return 0;
}

static void wipe_value(char *entry)
{
	char *value = strchr(entry, '=') + 1;
	explicit_bzero(value, strlen(value));
}

/* Where the kernel put the environment: fields 50 and 51 of /proc/self/stat. */
static int find_environment(uintptr_t *start, uintptr_t *end)
{
	char text[2048];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	text[n] = 0;
	char *at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < 50; field++)
		if ((at = strchr(at, ' ')) != NULL)
			at++;
	unsigned long from, to;
	if (at == NULL || sscanf(at, "%lu %lu", &from, &to) != 2 || from == 0 || to < from)
		return -1;
	*start = from;
	*end = to;
	return 0;
}

static void wipe_what_the_kernel_shows(void)
{
	uintptr_t at, end;
	/* Of a program on valgrind the kernel shows valgrind's own. */
	if (duet__is_on_valgrind() || find_environment(&at, &end) < 0)
		return;
	while (at < end) {
		char *entry = (char *)at;
		at += strnlen(entry, end - at) + 1;
		if (is_secret(entry))
			wipe_value(entry);
	}
}

extern char **environ;

void duet__hygiene_wipe_secrets(void)
{
	char **to = environ;
	for (char **from = environ; from != NULL && *from != NULL; from++) {
		if (is_secret(*from))
			wipe_value(*from);
		else
			*to++ = *from;
	}
	if (to != NULL)
		*to = NULL;
	wipe_what_the_kernel_shows();
}

void duet__hygiene_forget_output(void)
{
	__fpurge(stdout);
	__fpurge(stderr);
}

/* And the other streams, if the program had none. */
static void stdin_from_nowhere(void)
{
	int fd;
	close(STDIN_FILENO);
	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		;
	if (fd >= 0)
		close(fd);
}

void duet__hygiene_restrict(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	umask(077);
	stdin_from_nowhere();
}

#ifdef RESERVES_ADDRESS_SPACE
void duet__hygiene_limit_memory(size_t bytes)
{
	(void)bytes;
}
#else
/* Private writable memory the process has already: it inherited it, so it does not count. */
static size_t memory_now(void)
{
	char line[256];
	unsigned long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmData: %lu", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return (size_t)kib * 1024;
}

void duet__hygiene_limit_memory(size_t bytes)
{
	size_t now = memory_now();
	rlim_t limit = bytes < SIZE_MAX / 2 - now ? now + bytes : SIZE_MAX / 2;
	setrlimit(RLIMIT_DATA, &(struct rlimit){limit, limit});
}
#endif

int duet__hygiene_die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}
