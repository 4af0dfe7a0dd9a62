// SPDX-License-Identifier: GPL-2.0-only
/* Does the first drive hold, through the kernel's driver, what pattern.h says? */
#include <endian.h>

#include "ktap.h"
#include "pattern.h"

#define DEVICE "/sys/bus/pci/devices/0000:00:04.0"
#define DRIVE_SIZE (64ull << 20)

/* Opens the block device of the first drive; its number is not ours to know. */
static int open_drive(void)
{
	char path[300];
	FILE *list;
	int fd = -1;

	if (system("modprobe nvme; for i in 1 2 3 4 5 6 7 8 9; do"
		   " ls " DEVICE "/nvme/nvme*/nvme*n1 >/dev/null 2>&1 && break; sleep 0.3; done"))
		return -1;
	list = popen("for i in " DEVICE "/nvme/nvme*/nvme*n1; do echo /dev/${i##*/}; done", "r");
	if (!list)
		return -1;
	if (fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	pclose(list);
	return fd;
}

TEST(every_word_of_the_drive)
{
	uint64_t size = 0, at, wrong = 0;
	static uint64_t block[1 << 17];
	ssize_t got;
	int fd = open_drive();

	ASSERT_LE(0, fd);
	while ((got = read(fd, block, sizeof(block))) > 0) {
		for (at = 0; at < (uint64_t)got / 8; at++)
			wrong += le64toh(block[at]) != pattern_word(size / 8 + at);
		size += got;
	}
	EXPECT_EQ(0, got);
	EXPECT_EQ(DRIVE_SIZE, size);
	EXPECT_EQ(0u, wrong);
	close(fd);
}

TEST_HARNESS_MAIN
