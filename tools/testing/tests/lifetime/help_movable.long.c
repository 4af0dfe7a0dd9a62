// SPDX-License-Identifier: GPL-2.0-only
/*
 * Help with a map of memory that must be migrated before it is pinned, because it is in
 * ZONE_MOVABLE. A folio is in two pieces where the program has moved its mapping: two tasks pin it
 * at once, and neither can migrate what the other holds. The map succeeds as it does without help.
 */
#include "help.h"

#define BYTES	(176 * MIB)
#define FOLIO	(2 * MIB)
/* Where a folio is cut. */
#define MOVED	(100 * PAGE)
/* Of 128 MiB, at most. */
#define BLOCKS	2
#define BLOCK	"/sys/devices/system/memory/memory%d/state"
/* Of so many, about two met such a folio at once. */
#define HELPED	60

static bool block_write(int block, const char *state)
{
	char path[80];

	snprintf(path, sizeof(path), BLOCK, block);
	return file_write(path, state);
}

static bool block_lacks(int block)
{
	char path[80];

	snprintf(path, sizeof(path), BLOCK, block);
	return access(path, F_OK);
}

/* Makes so many blocks of memory movable, the highest ones that the kernel gives up. */
static int blocks_make_movable(int *block, int most)
{
	int at, n = 0;

	for (at = 256; at > 8 && n < most; at--) {
		if (block_lacks(at) || !block_write(at, "offline"))
			continue;
		if (block_write(at, "online_movable"))
			block[n++] = at;
		else
			block_write(at, "online");
	}
	return n;
}

/* What is there is migrated away first. */
static bool blocks_make_plain(const int *block, int n)
{
	bool ok = true;

	while (n--)
		ok &= block_write(block[n], "offline") && block_write(block[n], "online_kernel");
	return ok;
}

/* Huge pages, which are cut by the address that they have now: not mapped as huge any more. */
static char *map_cut(char **to_free)
{
	size_t size = BYTES + FOLIO, room = BYTES + 3 * FOLIO;
	char *mem = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *to = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *from = (char *)(((uintptr_t)mem + FOLIO - 1) & ~(FOLIO - 1));
	char *at = (char *)(((uintptr_t)to + FOLIO - 1) & ~(FOLIO - 1));
	char *moved = MAP_FAILED;

	if (mem != MAP_FAILED && to != MAP_FAILED && !madvise(from, size, MADV_HUGEPAGE)) {
		memset(from, 1, size);
		moved = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at + MOVED);
	}
	munmap(mem, room);
	*to_free = to;
	return moved == MAP_FAILED ? NULL : at + FOLIO;
}

/* Pages that the kernel has migrated, of all tasks. */
static long long migrated(void)
{
	FILE *file = fopen("/proc/vmstat", "re");
	long long n = -1;
	char line[80];

	while (file && n < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "pgmigrate_success %lld", &n);
	if (file)
		fclose(file);
	return n;
}

TEST_F_TIMEOUT(help, folio_in_two_pieces, 300)
{
	int i, helped = 0, moved = 0, block[BLOCKS], blocks;

	blocks = blocks_make_movable(block, BLOCKS);
	if (blocks < BLOCKS) {
		blocks_make_plain(block, blocks);
		SKIP(return, "the kernel makes no memory movable");
	}
	for (i = 0; i < 200 && helped < HELPED; i++) {
		char *room, *mem = map_cut(&room);
		long long before = migrated();

		ASSERT_TRUE(mem);
		EXPECT_EQ(0, backend_map(&self->d, IOVA, mem, BYTES, MAP_RW));
		helped += map_event("helpers") > 0;
		moved += migrated() > before;
		EXPECT_EQ((long long)BYTES, backend_unmap(&self->d, IOVA, BYTES));
		munmap(room, BYTES + 3 * FOLIO);
	}
	EXPECT_EQ(HELPED, helped);
	EXPECT_LT(0, moved);
	EXPECT_TRUE(blocks_make_plain(block, blocks));
}

TEST_HARNESS_MAIN
