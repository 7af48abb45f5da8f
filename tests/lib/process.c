#include "tests/lib/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static long status_of(pid_t pid, const char *name)
{
	char path[64], line[256];
	long value = 0;
	FILE *status;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	status = fopen(path, "re");
	while (status != NULL && fgets(line, sizeof line, status) != NULL)
		if (strncmp(line, name, strlen(name)) == 0 &&
		    sscanf(line + strlen(name), ": %ld", &value) == 1)
			break;
	if (status != NULL)
		fclose(status);
	return value;
}

/* Of /proc/PID/stat. */
struct standing {
	char state;
	pid_t parent;
};

static struct standing standing_of(pid_t pid)
{
	struct standing s = {.state = 'X'};
	char path[64];
	FILE *stat;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	stat = fopen(path, "re");
	if (stat == NULL)
		return s;
	if (fscanf(stat, "%*d (%*[^)]) %c %d", &s.state, &s.parent) != 2)
		s = (struct standing){.state = 'X'};
	fclose(stat);
	return s;
}

bool process_is_alive(pid_t pid)
{
	char state = standing_of(pid).state;

	return state != 'X' && state != 'Z';
}

bool process_is_stopped(pid_t pid)
{
	return standing_of(pid).state == 'T';
}

pid_t process_parent(pid_t pid)
{
	return standing_of(pid).parent;
}

bool process_is_called(pid_t pid, const char *name)
{
	char path[64], comm[64] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fgets(comm, sizeof comm, f) != NULL)
		comm[strcspn(comm, "\n")] = '\0';
	fclose(f);
	return strcmp(comm, name) == 0;
}

long process_memory(pid_t pid)
{
	return status_of(pid, "VmRSS");
}

long process_peak(pid_t pid)
{
	return status_of(pid, "VmHWM");
}

long process_reach(pid_t pid)
{
	return status_of(pid, "VmPeak");
}

long process_fds(pid_t pid)
{
	char path[64];
	long n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	dir = opendir(path);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
		n += entry->d_name[0] != '.';
	if (dir != NULL)
		closedir(dir);
	return n;
}
