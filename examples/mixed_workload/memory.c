#include "memory.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static void add_tree(struct memory *m, pid_t pid, pid_t except);

static void add_children(struct memory *m, pid_t pid, const char *thread, pid_t except)
{
	char path[320];
	int child;

	snprintf(path, sizeof path, "/proc/%d/task/%s/children", pid, thread);
	FILE *children = fopen(path, "re");
	if (children == NULL)
		return;
	while (fscanf(children, "%d", &child) == 1)
		add_tree(m, child, except);
	fclose(children);
}

static long peak_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *status = fopen(path, "re");
	if (status == NULL)
		return 0;
	while (fgets(line, sizeof line, status) != NULL)
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	fclose(status);
	return kib;
}

static void add_tree(struct memory *m, pid_t pid, pid_t except)
{
	char path[64];

	if (pid == except)
		return;
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *threads = opendir(path);
	if (threads == NULL)
		return;
	m->peak_kib += peak_kib(pid);
	m->processes++;
	for (struct dirent *entry; (entry = readdir(threads)) != NULL;)
		if (entry->d_name[0] != '.')
			add_children(m, pid, entry->d_name, except);
	closedir(threads);
}

struct memory memory_of_tree(pid_t except)
{
	struct memory m = {0};

	add_tree(&m, getpid(), except);
	return m;
}
