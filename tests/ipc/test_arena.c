/* The arena's book. */
#include "ipc/arena.h"
#include "ipc/memory.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static int fd;

static duet__arena *open_arena(size_t size)
{
	fd = duet__memory_create("test", size);
	CHECK_OK(fd);
	duet__arena *a = duet__arena_open(fd, 0, size);
	CHECK(a != NULL);
	return a;
}

static void close_arena(duet__arena *a)
{
	duet__arena_close(a);
	close(fd);
}

/* What is given out never overlaps, leaves a byte for the NUL, and is all there in the end. */
TEST(arena_blocks_never_overlap)
{
	enum { BLOCKS = 64, ROUNDS = 20000 };
	static duet__block *blocks[BLOCKS];
	static size_t lens[BLOCKS];
	duet__arena *a = open_arena(8 * MIB);
	srand((unsigned)test_seed());
	for (int i = 0; i < ROUNDS; i++) {
		int k = rand() % BLOCKS;
		if (blocks[k] != NULL) {
			unsigned char *p = duet__block_data(blocks[k]);
			CHECK_EQ(p[0], k);
			CHECK_EQ(p[lens[k]], k);
			duet__arena_free(blocks[k]);
			blocks[k] = NULL;
			continue;
		}
		lens[k] = (size_t)rand() % (rand() % 8 == 0 ? 1000000 : 20000);
		blocks[k] = duet__arena_alloc(a, lens[k]);
		if (blocks[k] == NULL)
			continue;
		if (rand() % 4 == 0 && duet__arena_grow(blocks[k], 2 * lens[k]))
			lens[k] *= 2;
		memset(duet__block_data(blocks[k]), k, lens[k] + 1);
	}
	for (int k = 0; k < BLOCKS; k++)
		duet__arena_free(blocks[k]);
	CHECK_EQ(a->in_use, 0);
	duet__block *all = duet__arena_alloc(a, 8 * MIB - 1);
	CHECK(all != NULL); /* it has grown together again */
	CHECK(duet__arena_alloc(a, 1) == NULL);
	duet__arena_free(all);
	close_arena(a);
}

/* More than there is, or ever was, is refused. */
TEST(arena_full_refuses)
{
	duet__arena *a = open_arena(MIB);
	CHECK(duet__arena_alloc(a, MIB) == NULL);
	CHECK(duet__arena_alloc(a, SIZE_MAX) == NULL);
	duet__block *b = duet__arena_alloc(a, MIB / 2);
	CHECK(b != NULL);
	CHECK(duet__arena_alloc(a, MIB / 2) == NULL);
	CHECK(!duet__arena_grow(b, MIB));
	CHECK(!duet__arena_grow(b, SIZE_MAX));
	CHECK(duet__arena_grow(b, MIB - 1));
	duet__arena_free(b);
	close_arena(a);
}

static size_t resident(void)
{
	struct stat s;
	CHECK_EQ(fstat(fd, &s), 0);
	return (size_t)s.st_blocks * 512;
}

/* After a burst the system has its memory back, but for what is kept; trim takes that too. */
TEST(arena_gives_memory_back)
{
	enum { BLOCKS = 32 };
	duet__block *blocks[BLOCKS];
	duet__arena *a = open_arena((size_t)64 * MIB);
	a->keep = 4 * MIB;
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = duet__arena_alloc(a, MIB);
		memset(duet__block_data(blocks[i]), 1, MIB);
	}
	CHECK_GE(resident(), (size_t)BLOCKS * MIB);
	for (int i = 0; i < BLOCKS; i++)
		duet__arena_free(blocks[i]);
	CHECK_LE(resident(), 4 * MIB + MIB);
	CHECK_LE(a->idle, 4 * MIB);
	duet__arena_trim(a, 0);
	CHECK_EQ(a->idle, 0);
	CHECK_EQ(resident(), 0);
	close_arena(a);
}

/* The mapping lives as long as a block of it. */
TEST(arena_lives_while_a_block_does)
{
	duet__arena *a = open_arena(MIB);
	duet__block *b = duet__arena_alloc(a, 100);
	close_arena(a);
	memset(duet__block_data(b), 1, 101);
	duet__arena_free(b);
}

/* Nobody can shrink the file under a reader. */
TEST(memory_is_sealed)
{
	fd = duet__memory_create("test", MIB);
	CHECK_EQ(ftruncate(fd, 0), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(ftruncate(fd, 2 * MIB), -1);
	close(fd);
}

/* A lease outside the memory, or that does not exist, is refused. */
TEST(memory_lends_only_what_it_has)
{
	duet__memory *m;
	duet_buf out = {0};
	CHECK_OK(duet__memory_open(MIB, &m));
	CHECK_ERR(duet__memory_lend(m, MIB, 0, 0, &out), DUET_EPROTO);
	CHECK_ERR(duet__memory_lend(m, 0, MIB, 0, &out), DUET_EPROTO);
	CHECK_ERR(duet__memory_lend(m, 4096, UINT64_MAX, 0, &out), DUET_EPROTO);
	CHECK_ERR(duet__memory_lend(m, UINT64_MAX, 1, 0, &out), DUET_EPROTO);
	CHECK_ERR(duet__memory_lend(m, 0, 1, DUET__LEASES, &out), DUET_EPROTO);
	CHECK(out.data == NULL);
	m->board->lease[3] = 1;
	CHECK_OK(duet__memory_lend(m, 0, MIB - 1, 3, &out));
	duet__memory_unref(m);
	CHECK_EQ(((char *)out.data)[MIB - 1], 0);
	duet_buf_free(&out);
}
