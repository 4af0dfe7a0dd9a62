/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A backend answers VFIO's container ioctls: a /dev/ioasid, or a stock container
 * on ioasid_vfio or on type1. Tests run on each of them through these functions.
 *
 * A test on type1, the kernel's own driver, is not there to test type1: it
 * shows that what the test expects of ioasid is what VFIO programs know.
 */
#ifndef IOASID_TEST_BACKEND_H
#define IOASID_TEST_BACKEND_H

#include <glob.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <linux/ioasid.h>

#include "ktap.h"

#define DEVICE_NVME	"0000:00:05.0"
#define DEVICE_EDU	"0000:00:06.0"
/* Where no device may be led, for its interrupts. */
#ifdef __aarch64__
#define MSI_START	0x8000000ULL
#define MSI_END	0x80fffffULL
#else
#define MSI_START	0xfee00000ULL
#define MSI_END	0xfeefffffULL
#endif
#define MAP_RW		(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

#define PAGE		4096ULL
#define KIB		1024ULL
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)

enum backend_kind {
	BACKEND_IOASID,	/* /dev/ioasid, nothing attached */
	BACKEND_SHIM,	/* a stock container with a device, on ioasid_vfio */
	BACKEND_TYPE1,	/* a stock container with a device, on vfio_iommu_type1 */
};

/* @group is -1 for a backend without one. */
struct backend {
	enum backend_kind kind;
	int fd;
	int group;
};

/* What must be the same before and after a call that is refused. */
struct tally {
	long locked;		/* VmLck of this process, in KiB */
	long long pinned;	/* pages pinned in the whole system */
	long long avail;	/* mappings that the backend says are left */
};

/* --- files of /proc and /sys --- */

static inline bool file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (!done)
		printf("# cannot write '%s' to %s: %s\n", text, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done;
}

/*
 * Devices whose interrupts are not isolated may be attached, or as it was when the machine began:
 * where none are isolated, as with two of the matrix's IOMMUs, the tests after this one need it.
 */
static inline bool unsafe_interrupts(bool allowed)
{
	FILE *file = fopen("/proc/cmdline", "re");
	char line[4096] = "";

	if (file) {
		allowed |= fgets(line, sizeof(line), file) && strstr(line, " ioasid.allow_unsafe_interrupts=1");
		fclose(file);
	}
	return file_write("/sys/module/ioasid/parameters/allow_unsafe_interrupts", allowed ? "Y" : "N");
}

/* Is the machine's IOMMU a virtio-iommu? It has no page tables, and its machine no bridge. */
static inline bool iommu_is_virtio(void)
{
	glob_t found;
	bool is = !glob("/sys/bus/virtio/drivers/virtio_iommu/virtio*", 0, NULL, &found);

	if (is)
		globfree(&found);
	return is;
}

/* Takes a device from one driver, which has it, to another. */
static inline bool device_move(const char *bdf, const char *from, const char *to)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/unbind", from);
	if (!file_write(path, bdf))
		return false;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", bdf);
	return file_write(path, to) && file_write("/sys/bus/pci/drivers_probe", bdf);
}

/* A number in a file of /sys, or -1. */
static inline long long file_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long long value = -1;

	if (file && fscanf(file, "%lld", &value) != 1)
		value = -1;
	if (file)
		fclose(file);
	return value;
}

/* The number after the last "KEY:" in a file of /proc, or -1. */
static inline long long file_number_after(const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	size_t n = strlen(key);
	long long value = -1;
	char line[256];

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, n) && line[n] == ':')
			value = atoll(line + n + 1);
	fclose(file);
	return value;
}

/* A number of KiB out of /proc/PID/status, or -1. */
static inline long status_kib(pid_t pid, const char *key)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return file_number_after(path, key);
}

/* What /proc says about an open file of this process, or -1. */
static inline long long fdinfo_number(int fd, const char *key)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return file_number_after(path, key);
}

static inline long locked_kib(void)
{
	return status_kib(getpid(), "VmLck");
}

/* KiB of this process's memory in transparent huge pages. */
static inline long huge_kib(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long kib = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "AnonHugePages: %ld", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

/* Is the kernel at least this one? */
static inline bool kernel_is(int major, int minor)
{
	struct utsname name;
	int a = 0, b = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &a, &b);
	return a > major || (a == major && b >= minor);
}

/* What type1 says to a range that wraps; it changed its mind in 6.18. */
static inline int wrap_errno(void)
{
	return kernel_is(6, 18) ? EOVERFLOW : EINVAL;
}

/* --- opening --- */

/* The IOMMU group of a device, opened; -1 with a message. */
static inline int backend_open_group(const char *bdf)
{
	char path[128], link[PATH_MAX], node[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/iommu_group",
		 strchr(bdf, ':') ? "pci" : "platform", bdf);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	snprintf(node, sizeof(node), "/dev/vfio/%s", n > 0 ? strrchr(link, '/') + 1 : "?");
	fd = open(node, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		printf("# cannot open %s, the group of %s: %s\n", node, bdf, strerror(errno));
	return fd;
}

/* Which driver answers the containers that have not chosen theirs yet. */
static inline bool backend_prefer(enum backend_kind kind)
{
	static const char choice[] = "/sys/module/ioasid_vfio/parameters/enabled";

	/* Type1 alone: there is nothing to choose. */
	if (kind == BACKEND_TYPE1 && access(choice, F_OK))
		return true;
	return file_write(choice, kind == BACKEND_TYPE1 ? "N" : "Y");
}

static inline bool backend_limit(enum backend_kind kind, const char *limit)
{
	return file_write(kind == BACKEND_TYPE1 ?
			  "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit" :
			  "/sys/module/ioasid/parameters/dma_entry_limit", limit);
}

/* Is the container on the driver that was meant? */
static inline bool backend_is_right(const struct backend *d)
{
	int ours = ioctl(d->fd, VFIO_CHECK_EXTENSION, IOASID_EXT_PRESENT);

	if (ours == (d->kind != BACKEND_TYPE1))
		return true;
	printf("# the container is on the wrong driver: extension answered %d\n", ours);
	return false;
}

static inline void backend_close(struct backend *d)
{
	if (d->fd >= 0)
		close(d->fd);
	if (d->group >= 0)
		close(d->group);
	d->fd = -1;
	d->group = -1;
}

/* A container with the group of @bdf in it, before VFIO_SET_IOMMU. */
static inline bool backend_join(struct backend *d, enum backend_kind kind, const char *bdf)
{
	d->kind = kind;
	d->fd = -1;
	d->group = backend_open_group(bdf);
	if (d->group < 0 || !backend_prefer(kind))
		return false;
	d->fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (d->fd >= 0 && !ioctl(d->group, VFIO_GROUP_SET_CONTAINER, &d->fd))
		return true;
	printf("# VFIO_GROUP_SET_CONTAINER: %s\n", strerror(errno));
	return false;
}

/* A backend that is ready for maps; false, with a message, if there is none. */
static inline bool backend_open(struct backend *d, enum backend_kind kind, unsigned long type,
				const char *bdf)
{
	if (kind == BACKEND_IOASID) {
		d->kind = kind;
		d->group = -1;
		d->fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	} else if (!backend_join(d, kind, bdf)) {
		return false;
	}
	if (d->fd < 0 || ioctl(d->fd, VFIO_SET_IOMMU, type)) {
		printf("# cannot open the backend: %s\n", strerror(errno));
		return false;
	}
	return backend_is_right(d);
}

/* The device itself, which the group then keeps open. */
static inline int backend_device(const struct backend *d, const char *bdf)
{
	return ioctl(d->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
}

/* --- calls --- */

static inline int backend_map(const struct backend *d, uint64_t iova, const void *vaddr,
			      uint64_t size, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)vaddr,
		.iova = iova,
		.size = size,
	};

	return ioctl(d->fd, VFIO_IOMMU_MAP_DMA, &map);
}

/* Bytes unmapped, or -1. */
static inline long long backend_unmap_flags(const struct backend *d, uint64_t iova, uint64_t size,
					    uint32_t flags)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = size,
	};

	if (ioctl(d->fd, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return -1;
	return unmap.size;
}

static inline long long backend_unmap(const struct backend *d, uint64_t iova, uint64_t size)
{
	return backend_unmap_flags(d, iova, size, 0);
}

static inline long long backend_unmap_all(const struct backend *d)
{
	return backend_unmap_flags(d, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL);
}

/* VFIO_IOMMU_GET_INFO as large as the backend wants it; NULL on any error. */
static inline struct vfio_iommu_type1_info *backend_info(const struct backend *d)
{
	struct vfio_iommu_type1_info *info = calloc(1, sizeof(*info));
	uint32_t size = sizeof(*info);

	for (;;) {
		if (!info)
			return NULL;
		info->argsz = size;
		if (ioctl(d->fd, VFIO_IOMMU_GET_INFO, info)) {
			free(info);
			return NULL;
		}
		if (info->argsz <= size)
			return info;
		size = info->argsz;
		info = realloc(info, size);
		if (info)
			memset(info, 0, size);
	}
}

static inline void *info_cap(struct vfio_iommu_type1_info *info, int id)
{
	uint32_t next = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;
	struct vfio_info_cap_header *cap;

	for (; next; next = cap->next) {
		cap = (void *)((char *)info + next);
		if (cap->id == id)
			return cap;
	}
	return NULL;
}

/* Mappings left, or -1. */
static inline long long backend_avail(const struct backend *d)
{
	struct vfio_iommu_type1_info *info = backend_info(d);
	struct vfio_iommu_type1_info_dma_avail *cap;
	long long avail;

	cap = info ? info_cap(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) : NULL;
	avail = cap ? (long long)cap->avail : -1;
	free(info);
	return avail;
}

/* --- before and after --- */

static inline struct tally backend_tally(const struct backend *d)
{
	return (struct tally){
		.locked = locked_kib(),
		.pinned = ktap_pinned(),
		.avail = backend_avail(d),
	};
}

#define EXPECT_UNCHANGED(backend, before) do {					\
	struct tally _after = backend_tally(backend);					\
										\
	EXPECT_EQ((before)->locked, _after.locked);				\
	EXPECT_EQ((before)->pinned, _after.pinned);				\
	EXPECT_EQ((before)->avail, _after.avail);				\
} while (0)

/* The call fails with this errno and leaves nothing pinned, mapped or charged. */
#define EXPECT_REFUSED(backend, error, call) do {					\
	struct tally _before = backend_tally(backend);				\
										\
	EXPECT_ERRNO(error, call);						\
	EXPECT_UNCHANGED(backend, &_before);					\
} while (0)

/* --- memory and rights of the test --- */

/* Private memory, every page written once; MAP_FAILED on failure. */
static inline void *touched_memory(size_t size)
{
	char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (mem != MAP_FAILED)
		for (i = 0; i < size; i += PAGE)
			mem[i] = 1;
	return mem;
}

/* As long as pages are small: for those who count them, or hurry slowly. */
static inline void *small_pages(size_t size)
{
	char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem != MAP_FAILED)
		madvise(mem, size, MADV_NOHUGEPAGE);
	return mem;
}

static inline bool drop_cap(int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return false;
	data[cap / 32].effective &= ~(1U << (cap % 32));
	return !syscall(SYS_capset, &head, data);
}

static inline bool set_memlock(uint64_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	return !setrlimit(RLIMIT_MEMLOCK, &limit);
}

#endif
