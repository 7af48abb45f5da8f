#include "tests/lib/leaks.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* nng 1.5.2 forgets the message of a send whose pipe dies at that moment: fixed in its 1.6.0.  The
 * leak sanitizer, where there is one, asks for this by name. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libnng.so";
}

void leaks_fds_list(struct leaks_fds *fds)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	memset(fds, 0, sizeof(*fds));
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd < LEAKS_MAX_FD)
			fds->open[fd] = 1;
	}
	if (dir != NULL)
		closedir(dir);
}

static bool is_plumbing(const char *target)
{
	return strncmp(target, "pipe:", 5) == 0 || strcmp(target, "anon_inode:[eventfd]") == 0 ||
	       strcmp(target, "anon_inode:[eventpoll]") == 0;
}

static int count_fds(const struct leaks_fds *before, int allowed, bool say)
{
	struct leaks_fds after;
	int left = 0;

	leaks_fds_list(&after);
	for (int fd = 0; fd < LEAKS_MAX_FD; fd++) {
		char path[64], target[256];
		ssize_t len;

		if (!after.open[fd] || before->open[fd])
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		if (is_plumbing(target) && allowed-- > 0)
			continue;
		if (say)
			fprintf(stderr, "# left open: fd %d, %s\n", fd, target);
		left++;
	}
	return left;
}

int leaks_fds_count(const struct leaks_fds *before, int allowed)
{
	struct timespec tick = {0, 5 * 1000 * 1000};

	for (int ticks = 200; ticks > 0 && count_fds(before, allowed, false) > 0; ticks--)
		nanosleep(&tick, NULL);
	return count_fds(before, allowed, true);
}

bool leaks_children_any(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

/* -> whether a child is left */
static bool reap(void)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG | __WALL);
	while (pid > 0 || (pid < 0 && errno == EINTR));
	return pid == 0;
}

/* Reads name and parent of a process out of /proc/PID/stat: "12 (name) S 1 ...". */
static bool is_child(const char *pid, char name[64])
{
	char path[300], state;
	int parent = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fscanf(f, "%*d (%63[^)]) %c %d", name, &state, &parent) != 3)
		parent = 0;
	fclose(f);
	return parent == getpid();
}

static int kill_children(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int killed = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char name[64] = "";
		int pid = atoi(entry->d_name);

		if (pid <= 0 || !is_child(entry->d_name, name))
			continue;
		fprintf(stderr, "# left running: process %d, %s\n", pid, name);
		kill(pid, SIGKILL);
		killed++;
	}
	if (dir != NULL)
		closedir(dir);
	return killed;
}

int leaks_orphans_end(int seconds)
{
	struct timespec tick = {0, 5 * 1000 * 1000};
	int killed = 0;

	for (int ticks = seconds * 200; reap() && ticks > 0; ticks--)
		nanosleep(&tick, NULL);
	/* a killed orphan's own children come to us in turn */
	while (reap()) {
		killed += kill_children();
		nanosleep(&tick, NULL);
	}
	return killed;
}

void leaks_dirs_open(struct leaks_dirs *dirs)
{
	snprintf(dirs->base, sizeof(dirs->base), "/tmp/duet-test-XXXXXX");
	if (mkdtemp(dirs->base) == NULL)
		abort();
	snprintf(dirs->tmp, sizeof(dirs->tmp), "%s/tmp", dirs->base);
	snprintf(dirs->scratch, sizeof(dirs->scratch), "%s/own", dirs->base);
	if (mkdir(dirs->tmp, 0700) < 0 || mkdir(dirs->scratch, 0700) < 0)
		abort();
	setenv("TMPDIR", dirs->tmp, 1);
	unsetenv("XDG_RUNTIME_DIR");
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return remove(path);
}

void leaks_dirs_close(struct leaks_dirs *dirs)
{
	nftw(dirs->base, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int leaks_dir_count(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int count = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		fprintf(stderr, "# left in $TMPDIR: %s\n", entry->d_name);
		count++;
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}
