#include "pool/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *base(void)
{
	const char *const names[] = {"XDG_RUNTIME_DIR", "TMPDIR"};
	for (int i = 0; i < 2; i++) {
		const char *path = getenv(names[i]);
		if (path != NULL && path[0] == '/' && access(path, W_OK | X_OK) == 0)
			return path;
	}
	return "/tmp";
}

int duet__directory_make(char *path, size_t size)
{
	int n = snprintf(path, size, "%s/duet-XXXXXX", base());
	int r = n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
	if (r == 0 && mkdtemp(path) == NULL)
		r = -errno;
	if (r < 0)
		path[0] = 0;
	return r;
}

void duet__directory_remove(const char *path)
{
	DIR *d = path[0] != 0 ? opendir(path) : NULL;
	if (d == NULL)
		return;
	struct dirent *e;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(path);
}
