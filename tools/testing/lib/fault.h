/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults of the IOMMU, as the kernel logs them. The runner of tests takes them
 * for a splat; a test that provokes one says so, and then looks for it.
 */
#ifndef IOASID_TEST_FAULT_H
#define IOASID_TEST_FAULT_H

#include <sys/stat.h>

#include "lib/backend.h"

/* What the drivers of the emulated IOMMUs say. */
static const char *const fault_words[] = {
	"DMAR: [DMA", "AMD-Vi: Event logged", "fault from EP", "fault addr", "smmuv3:",
};

#define FAULT_WORDS	(sizeof(fault_words) / sizeof(*fault_words))

/* From here on faults are meant, and @return is a descriptor of the log. */
static inline int fault_expect(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned int i;

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	for (i = 0; i < FAULT_WORDS; i++)
		printf("# expect-splat: %s\n", fault_words[i]);
	fflush(stdout);
	return fd;
}

static inline bool fault_is(const char *record, const char *address)
{
	unsigned int i;

	for (i = 0; i < FAULT_WORDS; i++)
		if (strstr(record, fault_words[i]) && strstr(record, address))
			return true;
	return false;
}

/* Has the IOMMU refused an access to the page at @iova? Waits for the report, @tries * 50 ms. */
static inline bool fault_seen(int fd, uint64_t iova, int tries)
{
	char record[2048], address[32];
	ssize_t got;

	snprintf(address, sizeof(address), "%llx", (unsigned long long)(iova >> 12));
	while (tries--) {
		while ((got = read(fd, record, sizeof(record) - 1)) > 0) {
			record[got] = 0;
			if (fault_is(record, address))
				return true;
		}
		usleep(50000);
	}
	return false;
}

/*
 * The same where memory that stayed as it was is the proof. The emulated VT-d
 * has room for one fault, and when two meet it keeps quiet about those after.
 */
static inline void fault_note(int fd, uint64_t iova)
{
	TH_LOG("the IOMMU %s the access to 0x%llx",
	       fault_seen(fd, iova, 6) ? "reported" : "kept quiet about",
	       (unsigned long long)iova);
}

#endif
