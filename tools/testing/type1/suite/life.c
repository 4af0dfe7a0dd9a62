// SPDX-License-Identifier: GPL-2.0-only
/*
 * A container from its opening to its end: which driver it gets, by which
 * type, and when it may choose again.
 */
#include "type1/suite/suite.h"
#include "lib/ioctl32.h"

#define NOBODY	65534

static int extension(int fd, unsigned long number)
{
	return ioctl(fd, VFIO_CHECK_EXTENSION, number);
}

static int set_iommu(int fd, unsigned long type)
{
	return ioctl(fd, VFIO_SET_IOMMU, type);
}

static int container(void)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	NEED(fd >= 0);
	return fd;
}

CASE(life_version, "A001")
{
	struct backend d = suite_joined(DEVICE_NVME);

	TRY(VFIO_API_VERSION, "fresh", ioctl(container(), VFIO_GET_API_VERSION));
	TRY(VFIO_API_VERSION, "with a group", ioctl(d.fd, VFIO_GET_API_VERSION));
	TRY(OK, "set", set_iommu(d.fd, VFIO_TYPE1v2_IOMMU));
	TRY(VFIO_API_VERSION, "with a driver", ioctl(d.fd, VFIO_GET_API_VERSION));
}

static int open_as_nobody(const void *unused)
{
	int fd;

	(void)unused;
	if (setgid(NOBODY) || setuid(NOBODY))
		return 1;
	fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	return fd < 0 ? 2 : extension(fd, VFIO_TYPE1v2_IOMMU) == 1 ? 0 : 3;
}

CASE(life_needs_no_privilege, "A002")
{
	SEE(0, "opened without privilege", suite_child(open_as_nobody, NULL));
}

CASE(life_before_set_iommu, "A003")
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	struct backend d = suite_joined(DEVICE_NVME);
	char *mem = suite_memory(1);

	TRY(-EINVAL, "get_info", ioctl(d.fd, VFIO_IOMMU_GET_INFO, &info));
	TRY(-EINVAL, "map", suite_map(&d, 0, mem, 1));
	TRY(-EINVAL, "unmap", suite_unmap(&d, 0, 1));
	TRY(-EINVAL, "dirty", ioctl(d.fd, VFIO_IOMMU_DIRTY_PAGES, &info));
	TRY(-EINVAL, "unknown", ioctl(d.fd, _IO(VFIO_TYPE, VFIO_BASE + 99), 0));
	TRY(-EINVAL, "not of VFIO", ioctl(d.fd, _IO('t', 1), 0));
	SEE(0, "charged", locked_kib());
}

CASE(life_unknown_ioctl, "A004 A154")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	TRY(-ENOTTY, "unknown", ioctl(d.fd, _IO(VFIO_TYPE, VFIO_BASE + 99), 0));
	TRY(-ENOTTY, "not of VFIO", ioctl(d.fd, _IO('t', 1), 0));
	TRY(-ENOTTY, "spapr enable", ioctl(d.fd, VFIO_IOMMU_ENABLE));
	TRY(-ENOTTY, "spapr disable", ioctl(d.fd, VFIO_IOMMU_DISABLE));
	TRY(-ENOTTY, "spapr create", ioctl(d.fd, VFIO_IOMMU_SPAPR_TCE_CREATE));
	TRY(-ENOTTY, "eeh", ioctl(d.fd, VFIO_EEH_PE_OP));
}

/* All numbers that mean something to some driver, but for ioasid's own. */
static void extensions(int fd, const char *when)
{
	unsigned long n;

	for (n = 0; n <= 12; n++)
		TRY(ANY, suite_key("%s, %lu", when, n), extension(fd, n));
	TRY(OK, suite_key("%s, large", when), extension(fd, UINT32_MAX));
	TRY(OK, suite_key("%s, larger", when), extension(fd, 1UL << 40));
	TRY(OK, suite_key("%s, all ones", when), extension(fd, -1UL));
}

CASE(life_extensions_fresh, "A005 A007 A008 A009 A010 A011 A155")
{
	int fd = container();

	extensions(fd, "fresh");
	TRY(1, "type1", extension(fd, VFIO_TYPE1_IOMMU));
	TRY(1, "type1v2", extension(fd, VFIO_TYPE1v2_IOMMU));
	TRY(1, "unmap all", extension(fd, VFIO_UNMAP_ALL));
	TRY(kernel_is(6, 13) ? 0 : 1, "nesting", extension(fd, 6));
	TRY(0, "update vaddr", extension(fd, VFIO_UPDATE_VADDR));
	TRY(0, "dma cc", extension(fd, VFIO_DMA_CC_IOMMU));
}

CASE(life_extensions_with_a_group, "A005 A007 A011")
{
	struct backend d = suite_joined(DEVICE_NVME);

	extensions(d.fd, "with a group");
}

CASE(life_extensions_selected, "A006 A007 A008 A009 A010 A011")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	extensions(d.fd, "selected");
	TRY(1, "update vaddr", extension(d.fd, VFIO_UPDATE_VADDR));
}

CASE(life_extensions_of_others, "A011 A153 A155")
{
	static const unsigned long other[] = {
		VFIO_SPAPR_TCE_IOMMU, VFIO_EEH, VFIO_SPAPR_TCE_v2_IOMMU, VFIO_NOIOMMU_IOMMU,
	};
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int fresh = container();
	unsigned int i;

	for (i = 0; i < 4; i++) {
		TRY(0, suite_key("fresh, %lu", other[i]), extension(fresh, other[i]));
		TRY(0, suite_key("selected, %lu", other[i]), extension(d.fd, other[i]));
	}
}

CASE(life_extension_vaddr_emulated, "A009")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int group = suite_group(MDEV_NAME(0));

	TRY(1, "hardware", extension(d.fd, VFIO_UPDATE_VADDR));
	TRY(OK, "enter", suite_enter(&d, group));
	TRY(0, "with software", extension(d.fd, VFIO_UPDATE_VADDR));
	TRY(OK, "leave", ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
	TRY(1, "without", extension(d.fd, VFIO_UPDATE_VADDR));
}

/* No domain: nothing is incoherent. */
CASE(life_extension_coherent, "A010 A135")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);

	TRY(1, "software alone", extension(s.d.fd, VFIO_DMA_CC_IOMMU));
	TRY(OK, "enter", suite_enter(&s.d, group));
	TRY(ANY, "with hardware", extension(s.d.fd, VFIO_DMA_CC_IOMMU));
	TRY(OK, "leave", ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
	TRY(1, "software again", extension(s.d.fd, VFIO_DMA_CC_IOMMU));
}

CASE(life_set_iommu_without_group, "A012")
{
	int fd = container();

	TRY(-EINVAL, "v2", set_iommu(fd, VFIO_TYPE1v2_IOMMU));
	TRY(-EINVAL, "v1", set_iommu(fd, VFIO_TYPE1_IOMMU));
	TRY(-EINVAL, "unknown", set_iommu(fd, 99));
}

CASE(life_set_iommu_twice, "A013")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	TRY(-EINVAL, "same", set_iommu(d.fd, VFIO_TYPE1v2_IOMMU));
	TRY(-EINVAL, "other", set_iommu(d.fd, VFIO_TYPE1_IOMMU));
	TRY(-EINVAL, "unknown", set_iommu(d.fd, 99));
}

CASE(life_set_iommu_unknown, "A014 A153 A155")
{
	static const unsigned long type[] = { 0, 2, 4, 5, 7, 8, 11, 99, UINT32_MAX, -1UL };
	struct backend d = suite_joined(DEVICE_NVME);
	unsigned int i;

	for (i = 0; i < sizeof(type) / sizeof(*type); i++)
		TRY(-ENODEV, suite_key("%ld", (long)type[i]), set_iommu(d.fd, type[i]));
	TRY(OK, "after all that", set_iommu(d.fd, VFIO_TYPE1v2_IOMMU));
}

/* Extensions that are not types: type1 answers them, and takes no container for them. */
CASE(life_set_iommu_not_a_type, "A014 A016")
{
	struct backend d = suite_joined(DEVICE_NVME);

	TRY(ANY, "unmap all", set_iommu(d.fd, VFIO_UNMAP_ALL));
	TRY(-ENODEV, "update vaddr", set_iommu(d.fd, VFIO_UPDATE_VADDR));
	TRY(OK, "v2", set_iommu(d.fd, VFIO_TYPE1v2_IOMMU));
}

static void rules(unsigned long type)
{
	struct backend d = suite_joined(DEVICE_NVME);
	char *mem = suite_memory(4);

	TRY(ANY, "set", set_iommu(d.fd, type));
	suite_watch(&d);
	TRY(ANY, "map", suite_map(&d, 0, mem, 4));
	TRY(ANY, "inside", suite_unmap(&d, 1, 1));
	TRY(ANY, "first page", suite_unmap(&d, 0, 1));
	TRY(ANY, "start dirty", suite_track(&d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
}

CASE(life_type_v1, "A016")
{
	rules(VFIO_TYPE1_IOMMU);
}

CASE(life_type_v2, "A016")
{
	rules(VFIO_TYPE1v2_IOMMU);
}

CASE(life_type_nesting, "A016 A136")
{
	rules(6);
}

CASE(life_choose_again, "A017")
{
	static const unsigned long type[] = {
		VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_TYPE1_IOMMU,
	};
	struct backend d = suite_joined(DEVICE_NVME);
	char *mem = suite_memory(1);
	int i;

	for (i = 0; i < 3; i++) {
		TRY(OK, suite_key("%d set", i), set_iommu(d.fd, type[i]));
		TRY(OK, suite_key("%d map", i), suite_map(&d, 0, mem, 1));
		SEE(4, suite_key("%d charged", i), locked_kib());
		TRY(OK, suite_key("%d leave", i), ioctl(d.group, VFIO_GROUP_UNSET_CONTAINER));
		SEE(0, suite_key("%d left", i), locked_kib());
		SEE(0, suite_key("%d pinned", i), suite_pinned());
		TRY(-EINVAL, suite_key("%d map without", i), suite_map(&d, 0, mem, 1));
		TRY(-EINVAL, suite_key("%d set without", i), set_iommu(d.fd, type[i]));
		TRY(OK, suite_key("%d enter", i), suite_enter(&d, d.group));
	}
}

/* Mapped, then closed in this order; what is left after each. */
static void close_in_order(const char *order)
{
	struct backend d = suite_joined(DEVICE_NVME);
	char *mem = suite_memory(4);
	int device;

	NEED(!set_iommu(d.fd, VFIO_TYPE1v2_IOMMU));
	device = backend_device(&d, DEVICE_NVME);
	NEED(device >= 0);
	NEED(!suite_map(&d, 0, mem, 4));
	for (; *order; order++) {
		TRY(OK, suite_key("%c, close", *order),
		    close(*order == 'c' ? d.fd : *order == 'g' ? d.group : device));
		SEE(ANY, suite_key("%c, charged", *order), locked_kib());
	}
	SEE(0, "charged", locked_kib());
	SEE(0, "pinned", suite_pinned());
}

CASE(life_close_cgd, "A018") { close_in_order("cgd"); }
CASE(life_close_cdg, "A018") { close_in_order("cdg"); }
CASE(life_close_gcd, "A018") { close_in_order("gcd"); }
CASE(life_close_gdc, "A018") { close_in_order("gdc"); }
CASE(life_close_dcg, "A018") { close_in_order("dcg"); }
CASE(life_close_dgc, "A018") { close_in_order("dgc"); }

CASE(life_compat32, "A019")
{
	char *low = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct vfio_iommu_type1_dma_unmap *unmap = (void *)low;
	struct vfio_iommu_type1_dma_map *map = (void *)low;
	struct vfio_iommu_type1_info *info = (void *)low;
	struct backend d = suite_joined(DEVICE_NVME);
	uint32_t arg = (uintptr_t)low;

	NEED(low != MAP_FAILED);
	TRY(VFIO_API_VERSION, "version", ioctl32(d.fd, VFIO_GET_API_VERSION, 0));
	TRY(1, "extension", ioctl32(d.fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU));
	TRY(OK, "set", ioctl32(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	info->argsz = 1024;
	TRY(OK, "info", ioctl32(d.fd, VFIO_IOMMU_GET_INFO, arg));
	suite_say("info bytes", "%s", suite_hex(low, 144));
	*map = (struct vfio_iommu_type1_dma_map){
		.argsz = sizeof(*map), .flags = MAP_RW, .vaddr = arg + PAGE, .iova = IOVA,
		.size = 3 * PAGE,
	};
	TRY(OK, "map", ioctl32(d.fd, VFIO_IOMMU_MAP_DMA, arg));
	TRY(-EEXIST, "again", ioctl32(d.fd, VFIO_IOMMU_MAP_DMA, arg));
	TRY(-EFAULT, "pointer", ioctl32(d.fd, VFIO_IOMMU_MAP_DMA, 16));
	SEE(12, "charged", locked_kib());
	*unmap = (struct vfio_iommu_type1_dma_unmap){
		.argsz = sizeof(*unmap), .iova = IOVA, .size = 8 * PAGE,
	};
	TRY(OK, "unmap", ioctl32(d.fd, VFIO_IOMMU_UNMAP_DMA, arg));
	SEE(3 * PAGE, "unmapped", unmap->size);
	TRY(-ENOTTY, "unknown", ioctl32(d.fd, _IO(VFIO_TYPE, VFIO_BASE + 99), 0));
}

/* The three that administrators know, with their modes and values. */
CASE(life_parameters, "A104 A105 A106")
{
	static const char *const name[] = {
		"allow_unsafe_interrupts", "disable_hugepages", "dma_entry_limit",
	};
	char text[32];
	int i;

	for (i = 0; i < 3; i++) {
		const char *path = suite_key("/sys/module/%s/parameters/%s",
					     suite_kind == BACKEND_TYPE1 ? "vfio_iommu_type1" : "ioasid",
					     name[i]);
		FILE *file = fopen(path, "re");

		NEED(file && fgets(text, sizeof(text), file));
		text[strcspn(text, "\n")] = 0;
		suite_say(name[i], "%s, %s", text, access(path, W_OK) ? "fixed" : "writable");
		fclose(file);
	}
}
