/* Stands in for libFuzzer: gives every file of the corpus, and every cut of it, to the target. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_CUTS = 512 };

/* A copy of exactly this size, so that a sanitizer sees the first byte read beyond it. */
static void give(const uint8_t *data, size_t size)
{
	uint8_t *copy = calloc(1, size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void replay(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t size;

	if (f == NULL)
		return;
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	for (size_t cut = 0; cut < size && cut < MAX_CUTS; cut++)
		give(data, cut);
	give(data, size);
}

int main(int argc, char **argv)
{
	DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	int count = 0;

	give((const uint8_t *)"", 0);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		replay(path);
		count++;
	}
	if (dir != NULL)
		closedir(dir);
	printf("%d passed, 0 failed, 0 skipped\n", count);
	return 0;
}
