// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program on DPDK's library, for what dpdk-testpmd does not do with VFIO:
 *
 *	vfio containers DEVICE...	a container for each but the last, which joins the first one
 *	vfio primary DEVICE		its DMA, and then waits for a signal
 *	vfio secondary DEVICE		the same device, by the container and the group of the primary; for
 *					each line on its input it goes on: the primary is dead then
 *	vfio once DEVICE		its DMA, as another primary with files of its own
 *
 * Each device is an edu of QEMU and copies pages by DMA. The last line says what was seen, and is the
 * same on every backend. DPDK's messages are on stderr.
 */
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_memzone.h>
#include <rte_vfio.h>

#include "lib/edu.h"

#define SYSFS		"/sys/bus/pci/devices"
#define MOST		16
#define SIZE		(16 * PAGE)
/* Of memory that is no DPDK's: the same in each container, below DPDK's addresses and the MSIs. */
#define IOVA		0x10000000ULL
#define HUGE		(2 * MIB)

#define die(what)	die_at(what, __LINE__)

static void __attribute__((noreturn)) die_at(const char *what, int line)
{
	fprintf(stderr, "vfio.c:%d: %s: rte_errno %d, errno %d (%s)\n", line, what, rte_errno, errno,
		strerror(errno));
	exit(1);
}

struct device {
	const char *name;
	int container, fd;
	volatile char *bar;
	char *memory;
};

static long locked(void)
{
	char line[200];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static void start(const char *type, const char *prefix, const char *memory)
{
	char kind[40], files[40];
	char *argv[] = { "vfio", kind, files, "--no-pci", "--iova-mode=va", "--no-telemetry", "-l0",
			 "-m16", (char *)memory, NULL };

	snprintf(kind, sizeof(kind), "--proc-type=%s", type);
	snprintf(files, sizeof(files), "--file-prefix=%s", prefix);
	if (rte_eal_init(memory ? 9 : 8, argv) < 0)
		die("rte_eal_init");
	if (!rte_vfio_is_enabled("vfio"))
		die("VFIO is not enabled");
}

/* The group goes into @container, or into DPDK's own if that is -1. */
static void take(struct device *d, const char *name, int container)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int group;

	d->name = name;
	d->container = container;
	if (rte_vfio_get_group_num(SYSFS, name, &group) != 1)
		die("the group of the device");
	if (container >= 0 && rte_vfio_container_group_bind(container, group) < 0)
		die("rte_vfio_container_group_bind");
	if (rte_vfio_setup_device(SYSFS, name, &d->fd, &info))
		die("rte_vfio_setup_device");
	if (info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		die("regions of the device");
	d->bar = edu_open(d->fd);
	if (!d->bar)
		die("the registers of the device");
}

static void give_back(struct device *d)
{
	munmap((void *)d->bar, MIB);
	if (rte_vfio_release_device(SYSFS, d->name, d->fd))
		die("rte_vfio_release_device");
}

static char *anonymous(void)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* Copies page @from to the next one, which must then be right; all that lies at @iova. */
static void copies(struct device *d, char *memory, uint64_t iova, int from, int fill)
{
	char *page = memory + from * PAGE;

	memset(page, fill, PAGE);
	memset(page + PAGE, 0, PAGE);
	if (!edu_copy(d->bar, iova + from * PAGE, iova + (from + 1) * PAGE, PAGE))
		die("the DMA does not end");
	if (memcmp(page, page + PAGE, PAGE))
		die("DMA has copied something else");
}

/* Every device reads and writes at the same IOVAs, and finds its own container's memory there. */
static void all_apart(struct device *d, int n)
{
	int i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < n; j++)
			memset(d[j].memory, 0x10 + j, PAGE);
		memset(d[i].memory + PAGE, 0, PAGE);
		if (!edu_copy(d[i].bar, IOVA, IOVA + PAGE, PAGE))
			die("the DMA does not end");
		for (j = 0; j < (int)PAGE; j++)
			if (d[i].memory[PAGE + j] != 0x10 + i)
				die("a device has reached the memory of another container");
	}
}

static void map(struct device *d, char *memory)
{
	d->memory = memory;
	if (rte_vfio_container_dma_map(d->container, (uintptr_t)memory, IOVA, SIZE))
		die("rte_vfio_container_dma_map");
}

static void unmap(struct device *d)
{
	if (rte_vfio_container_dma_unmap(d->container, (uintptr_t)d->memory, IOVA, SIZE))
		die("rte_vfio_container_dma_unmap");
}

static int containers(char **names, int n)
{
	static struct device d[MOST];
	int i, c, unmapped = 0;
	long all, some;

	if (n < 3 || n > MOST)
		die("three devices at least, and no more than there is room for");
	start("primary", "containers", "--no-huge");
	for (i = 0; i < n - 1; i++) {
		c = rte_vfio_container_create();
		if (c < 0)
			die("rte_vfio_container_create");
		take(&d[i], names[i], c);
		map(&d[i], anonymous());
		/* The kernel says EEXIST, which DPDK takes as done. */
		map(&d[i], d[i].memory);
	}
	take(&d[n - 1], names[n - 1], d[0].container);
	all = locked();
	all_apart(d, n - 1);
	copies(&d[n - 1], d[0].memory, IOVA, 4, 0x77);

	/* The first device goes, the last one keeps the container and what is mapped there. */
	give_back(&d[0]);
	copies(&d[n - 1], d[0].memory, IOVA, 6, 0x78);
	for (i = 1; i < n - 1; i += 2) {
		unmap(&d[i]);
		give_back(&d[i]);
		unmapped++;
	}
	some = locked();
	copies(&d[2], d[2].memory, IOVA, 8, 0x79);
	/* Containers are destroyed below devices that are open still. */
	for (i = 0; i < n - 1; i++)
		if (rte_vfio_container_destroy(d[i].container))
			die("rte_vfio_container_destroy");
	copies(&d[2], d[2].memory, IOVA, 10, 0x7a);
	for (i = 2; i < n; i++)
		if (i == n - 1 || i % 2 == 0) {
			munmap((void *)d[i].bar, MIB);
			close(d[i].fd);
		}
	printf("%d containers, %d devices, DMA right; VmLck %ld KiB, %ld after %d unmaps, %ld in the end\n",
	       n - 1, n, all, some, unmapped, locked());
	return 0;
}

/* Memory that DPDK only registers, and maps as one. */
static void external(struct device *d)
{
	char *own = anonymous();

	d->container = RTE_VFIO_DEFAULT_CONTAINER_FD;
	if (rte_extmem_register(own, SIZE, NULL, 0, PAGE))
		die("rte_extmem_register");
	map(d, own);
	copies(d, own, IOVA, 0, 0x51);
	copies(d, own, IOVA, 14, 0x52);
	unmap(d);
	if (rte_extmem_unregister(own, SIZE))
		die("rte_extmem_unregister");
}

static int primary(const char *name, const char *prefix, bool stay)
{
	const struct rte_memzone *zone;
	struct device d;

	start("primary", prefix, NULL);
	zone = rte_memzone_reserve_aligned("witness", HUGE, SOCKET_ID_ANY,
					   RTE_MEMZONE_IOVA_CONTIG | RTE_MEMZONE_2MB, HUGE);
	if (!zone)
		die("rte_memzone_reserve_aligned");
	take(&d, name, -1);
	copies(&d, zone->addr, zone->iova, 0, 0x41);
	external(&d);
	printf("DMA right, also of external memory, VmLck %ld KiB\n", locked());
	fflush(stdout);
	while (stay)
		pause();
	give_back(&d);
	return 0;
}

static void next_line(void)
{
	char line[20];

	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		die("the end of the input");
}

/* The container has no other task, and the task that mapped what is in it is dead. */
static void orphaned(struct device *d, const struct rte_memzone *zone, int container)
{
	const struct rte_memseg_list *all = rte_mem_virt2memseg_list(zone->addr);
	struct vfio_iommu_type1_dma_unmap end = {
		.argsz = sizeof(end), .iova = (uintptr_t)all->base_va, .size = all->len,
	};
	char *own = anonymous();
	long before, with_own, after, with_huge;

	copies(d, zone->addr, zone->iova, 4, 0x43);
	before = locked();
	d->container = RTE_VFIO_DEFAULT_CONTAINER_FD;
	map(d, own);
	with_own = locked();
	copies(d, own, IOVA, 0, 0x44);
	unmap(d);
	after = locked();

	/* All that the dead one has mapped: this task may unmap it, and map a page of it for itself. */
	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &end))
		die("VFIO_IOMMU_UNMAP_DMA");
	if (rte_vfio_container_dma_map(RTE_VFIO_DEFAULT_CONTAINER_FD, zone->addr_64, zone->iova, HUGE))
		die("rte_vfio_container_dma_map");
	with_huge = locked();
	copies(d, zone->addr, zone->iova, 6, 0x45);
	printf("DMA right before and after, VmLck %ld, %ld, %ld KiB; %llu KiB of the dead one unmapped, %ld KiB with one page mapped again\n",
	       before, with_own, after, (unsigned long long)end.size >> 10, with_huge);
}

/*
 * DPDK's own container, found by its name as SPDK finds it: rte_vfio_get_container_fd() opens
 * another one, without a group. A second process may have such a one, too.
 */
static int container_fd(void)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	char link[40], name[40];
	ssize_t n;
	int fd;

	for (fd = 0; fd < 1024; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, name, sizeof(name));
		if (n == strlen("/dev/vfio/vfio") && !memcmp(name, "/dev/vfio/vfio", n) &&
		    !ioctl(fd, VFIO_IOMMU_GET_INFO, &info))
			return fd;
	}
	die("no descriptor is a container with a group");
}

static int secondary(const char *name)
{
	const struct rte_memzone *zone;
	struct device d;
	int container;

	start("secondary", "crash", NULL);
	zone = rte_memzone_lookup("witness");
	if (!zone)
		die("rte_memzone_lookup");
	take(&d, name, -1);
	copies(&d, zone->addr, zone->iova, 2, 0x42);
	container = container_fd();
	puts("joined");
	next_line();
	orphaned(&d, zone, container);
	next_line();
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "containers"))
		return containers(argv + 2, argc - 2);
	if (!strcmp(what, "primary"))
		return primary(argv[2], "crash", true);
	if (!strcmp(what, "once"))
		return primary(argv[2], "once", false);
	if (!strcmp(what, "secondary"))
		return secondary(argv[2]);
	fprintf(stderr, "usage: vfio containers|primary|secondary|once DEVICE...\n");
	return 2;
}
