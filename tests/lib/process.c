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
