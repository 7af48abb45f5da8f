/* How many cores are ours: those of the affinity mask, or fewer if a cgroup's quota says so. */
#include <duet/pool.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static int by_affinity(void)
{
	cpu_set_t may;
	return sched_getaffinity(0, sizeof(may), &may) == 0 ? CPU_COUNT(&may) : 1;
}

/* "max 100000" or "150000 100000" -> whole cores, rounded up; 0 = no limit. */
static int quota_in(const char *path)
{
	long quota = 0, period = 0;
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return 0;
	int n = fscanf(f, "%ld %ld", &quota, &period);
	fclose(f);
	return n == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

/* The smallest quota on the way from our cgroup up to the root. */
static int by_quota(void)
{
	char line[512], path[640], group[512] = "";
	FILE *f = fopen("/proc/self/cgroup", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "0::", 3) == 0)
			sscanf(line + 3, "%511[^\n]", group);
	if (f != NULL)
		fclose(f);
	int least = 0;
	for (;;) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", group);
		int quota = quota_in(path);
		if (quota > 0 && (least == 0 || quota < least))
			least = quota;
		char *last = strrchr(group, '/');
		if (last == NULL)
			return least;
		*last = 0;
	}
}

int duet_usable_cores(void)
{
	int cores = by_affinity(), quota = by_quota();
	if (quota > 0 && quota < cores)
		cores = quota;
	return cores < 1 ? 1 : cores;
}
