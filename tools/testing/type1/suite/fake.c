// SPDX-License-Identifier: GPL-2.0-only
/*
 * What needs an IOMMU that the machine does not have: two kinds in one
 * container, other apertures and page sizes, reserved regions of each type, and
 * maps that fail half way. ../mdev/module/ioasid_fakeiommu.c makes them up.
 */
#include "type1/suite/suite.h"

#define PARAMETERS	"/sys/module/ioasid_fakeiommu/parameters/"
#define FAKE(n)		"ioasid_fake." #n	/* 0 and 1 behind IOMMU 0, 2 behind IOMMU 1 */

static void set(const char *name, const char *values)
{
	NEED(file_write(suite_key(PARAMETERS "%s", name), values));
}

static void get(const char *name, char text[64])
{
	FILE *file = fopen(suite_key(PARAMETERS "%s", name), "re");

	NEED(file && fgets(text, 64, file));
	text[strcspn(text, "\n")] = 0;
	fclose(file);
}

/* Values of both IOMMUs. */
static void seen(const char *key, const char *name)
{
	char text[64];

	get(name, text);
	suite_say(suite_key("%s, %s", key, name), "%s", text);
}

static void unsafe(bool allowed)
{
	NEED(file_write(suite_kind == BACKEND_TYPE1 ?
			"/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts" :
			"/sys/module/ioasid/parameters/allow_unsafe_interrupts", allowed ? "Y" : "N"));
}

/* As the module was when it was loaded. */
static void reset(void)
{
	set("aperture_start", "0,0");
	set("aperture_last", "0xffffffffffffffff,0xffffffffffffffff");
	set("pgsizes", "4096,4096");
	set("resv_type", "-1,-1");
	set("coherent", "N,N");
	set("fail_map", "0,0");
	set("fail_attach", "N,N");
	unsafe(true);
}

static struct backend fake(void)
{
	static struct backend d;

	NEED(backend_open(&d, suite_kind, VFIO_TYPE1v2_IOMMU, FAKE(0)));
	suite_watch(&d);
	return d;
}

static int leave(int group)
{
	return ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
}

static void ranges(const struct backend *d, const char *when)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	uint32_t i;

	cap = info_cap(backend_info(d), VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	for (i = 0; cap && i < cap->nr_iovas; i++)
		suite_say(suite_key("%s, range %u", when, i), "0x%llx-0x%llx",
			  (unsigned long long)cap->iova_ranges[i].start,
			  (unsigned long long)cap->iova_ranges[i].end);
}

static void page_sizes(const struct backend *d, const char *when)
{
	struct vfio_iommu_type1_info info = { .argsz = 16 };

	TRY(OK, when, ioctl(d->fd, VFIO_IOMMU_GET_INFO, &info));
	suite_say(suite_key("%s, sizes", when), "0x%llx", (unsigned long long)info.iova_pgsizes);
}

/* How often the log names the parameter. */
static int complaints(int fd)
{
	char record[2048];
	ssize_t size;
	int n = 0;

	while ((size = read(fd, record, sizeof(record) - 1)) > 0) {
		record[size] = 0;
		n += strstr(record, "allow_unsafe_interrupts") != NULL;
	}
	return n;
}

CASE(fake_unsafe_interrupts, "A106 A139")
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), group = suite_group(FAKE(1));
	struct backend d = suite_joined(FAKE(0));

	reset();
	NEED(log >= 0 && lseek(log, 0, SEEK_END) >= 0);
	unsafe(false);
	TRY(-EPERM, "set", ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	SEE(1, "logged", complaints(log) > 0);
	unsafe(true);
	TRY(OK, "set then", ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	unsafe(false);
	TRY(-EPERM, "enter", suite_enter(&d, group));
	TRY(OK, "map all the same", suite_map(&d, 0, suite_memory(1), 1));
	unsafe(true);
	TRY(OK, "enter then", suite_enter(&d, group));
}

CASE(fake_attach_fails, "A015 A025")
{
	struct backend d = suite_joined(FAKE(0));

	reset();
	set("fail_attach", "Y,N");
	TRY(-ENODEV, "set", ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	seen("set", "domains");
	set("fail_attach", "N,N");
	TRY(OK, "set then", ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	seen("set then", "domains");
}

CASE(fake_prot, "A057")
{
	static const uint32_t flags[] = { 1, 2, 3 };
	struct backend d;
	char *mem = suite_memory(1), text[64];
	unsigned int i;

	reset();
	d = fake();
	for (i = 0; i < 3; i++) {
		TRY(OK, suite_key("flags %u", flags[i]),
		    backend_map(&d, IOVA, mem, PAGE, flags[i]));
		get("last_prot", text);
		/* IOMMU_CACHE is 4. */
		SEE(flags[i] | 4, suite_key("flags %u, prot", flags[i]), atoi(text));
		NEED(suite_unmap(&d, 0, 1) == 1);
	}
}

CASE(fake_shares_domain, "A126")
{
	int group = suite_group(FAKE(1));
	struct backend d;

	reset();
	d = fake();
	TRY(OK, "enter", suite_enter(&d, group));
	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	seen("map", "mapped");
	seen("map", "domains");
	TRY(OK, "leave", leave(group));
	seen("leave", "domains");
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
	seen("unmap", "mapped");
}

CASE(fake_two_domains, "A126 A127 A137")
{
	int group = suite_group(FAKE(2));
	struct backend d;

	reset();
	d = fake();
	TRY(OK, "map before", suite_map(&d, 0, suite_memory(4), 4));
	TRY(OK, "enter", suite_enter(&d, group));
	seen("replayed", "mapped");
	seen("replayed", "domains");
	TRY(OK, "map", suite_map(&d, 8, suite_memory(4), 4));
	seen("map", "mapped");
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
	seen("unmap", "mapped");
	TRY(OK, "leave", leave(group));
	seen("leave", "mapped");
	seen("leave", "domains");
	SEE(4, "pinned", suite_pinned());
	TRY(4, "unmap more", suite_unmap(&d, 8, 4));
	seen("unmap more", "mapped");
}

/* The IOMMUs give up after so many pages. */
static void map_fails(const char *limits)
{
	int group = suite_group(FAKE(2));
	struct backend d;

	reset();
	d = fake();
	TRY(OK, "enter", suite_enter(&d, group));
	TRY(OK, "map before", suite_map(&d, 20, suite_memory(1), 1));
	set("fail_map", limits);
	TRY(-ENOMEM, "map", suite_map(&d, 0, suite_memory(8), 8));
	seen("map", "mapped");
	SEE(1, "pinned", suite_pinned());
	set("fail_map", "0,0");
	TRY(OK, "map then", suite_map(&d, 0, suite_memory(8), 8));
	seen("map then", "mapped");
	TRY(9, "unmap", suite_unmap(&d, 0, 40));
	seen("unmap", "mapped");
}

CASE(fake_map_fails_in_the_first, "A054") { map_fails("4,0"); }
CASE(fake_map_fails_in_the_second, "A054") { map_fails("0,4"); }

CASE(fake_replay_fails, "A127 A132")
{
	int group = suite_group(FAKE(2));
	struct backend d;

	reset();
	set("aperture_last", "0xffffffffffffffff,0xffffffff");
	d = fake();
	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	TRY(OK, "map too", suite_map(&d, 8, suite_memory(4), 4));
	set("fail_map", "0,6");
	TRY(-ENOMEM, "enter", suite_enter(&d, group));
	seen("enter", "mapped");
	seen("enter", "domains");
	ranges(&d, "enter");
	SEE(8, "pinned", suite_pinned());
	set("fail_map", "0,0");
	TRY(OK, "enter then", suite_enter(&d, group));
	seen("enter then", "mapped");
}

CASE(fake_aperture, "A128 A130 A132 A133")
{
	int group = suite_group(FAKE(2));
	struct backend d;

	reset();
	set("aperture_start", "0x1000,0");
	set("aperture_last", "0xffffffffff,0x1fffffff");
	d = fake();
	ranges(&d, "one");
	TRY(OK, "map", backend_map(&d, GIB, suite_memory(1), PAGE, MAP_RW));
	TRY(-EINVAL, "cuts off a mapping", suite_enter(&d, group));
	ranges(&d, "refused");
	TRY(PAGE, "unmap", backend_unmap(&d, GIB, PAGE));
	TRY(OK, "enter", suite_enter(&d, group));
	ranges(&d, "both");
	TRY(-EINVAL, "map beyond", backend_map(&d, GIB, suite_memory(1), PAGE, MAP_RW));
	TRY(-EINVAL, "map before", backend_map(&d, 0, suite_memory(1), PAGE, MAP_RW));
	TRY(OK, "leave", leave(group));
	ranges(&d, "one again");
	TRY(OK, "map then", backend_map(&d, GIB, suite_memory(1), PAGE, MAP_RW));
}

CASE(fake_apertures_apart, "A128")
{
	int group = suite_group(FAKE(2));
	struct backend d;

	reset();
	set("aperture_start", "0x100000000,0");
	set("aperture_last", "0x1ffffffff,0xffffffff");
	d = fake();
	TRY(-EINVAL, "enter", suite_enter(&d, group));
	ranges(&d, "refused");
	seen("refused", "domains");
}

/* Of each type, where a mapping is already and where none is. */
CASE(fake_reserved, "A129 A130 A134")
{
	static const char *const name[] = { "direct", "relaxable", "reserved", "msi", "sw_msi" };
	int group = suite_group(FAKE(2)), type;
	struct backend d;

	reset();
	set("resv_start", "0,0x10002000");
	set("resv_last", "0,0x10003fff");
	d = fake();
	TRY(OK, "map", suite_map(&d, 3, suite_memory(1), 1));
	for (type = 0; type < 5; type++) {
		set("resv_type", suite_key("-1,%d", type));
		TRY(type == 1 ? OK : -EINVAL, suite_key("%s, in the way", name[type]),
		    suite_enter(&d, group));
		if (type == 1)
			NEED(!leave(group));
	}
	TRY(1, "unmap", suite_unmap(&d, 3, 1));
	for (type = 0; type < 5; type++) {
		set("resv_type", suite_key("-1,%d", type));
		TRY(OK, name[type], suite_enter(&d, group));
		ranges(&d, name[type]);
		TRY(type == 1 ? OK : -EINVAL, suite_key("%s, map", name[type]),
		    suite_map(&d, 3, suite_memory(1), 1));
		suite_unmap(&d, 3, 1);
		NEED(!leave(group));
	}
}

CASE(fake_nothing_left, "A131")
{
	struct backend d = suite_joined(FAKE(0));

	reset();
	set("aperture_last", "0xffffff,0");
	set("resv_start", "0,0");
	set("resv_last", "0xffffff,0");
	set("resv_type", "2,-1");
	TRY(-EINVAL, "set", ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	seen("set", "domains");
	set("resv_last", "0xfeffff,0");
	TRY(OK, "set then", ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ranges(&d, "set then");
}

CASE(fake_coherent, "A010 A126 A135")
{
	int same = suite_group(FAKE(1)), other = suite_group(FAKE(2));
	struct backend d;

	reset();
	set("coherent", "Y,N");
	d = fake();
	TRY(1, "one", ioctl(d.fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));
	TRY(OK, "enter", suite_enter(&d, other));
	TRY(0, "both", ioctl(d.fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));
	TRY(OK, "leave", leave(other));
	TRY(1, "one again", ioctl(d.fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));
	/* The same IOMMU, but another promise: a domain of its own. */
	set("coherent", "N,N");
	TRY(OK, "enter too", suite_enter(&d, same));
	seen("enter too", "domains");
	TRY(0, "one is not", ioctl(d.fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));
}

CASE(fake_page_sizes, "A035 A039 A040 A044")
{
	int group = suite_group(FAKE(2)), same = suite_group(FAKE(1));
	struct vfio_iommu_type1_info_cap_migration *cap;
	char *mem = suite_memory(1);
	struct backend d;

	reset();
	set("pgsizes", "0x201200,0x10000");
	d = fake();
	page_sizes(&d, "below a page");
	set("pgsizes", "0x201000,0x210000");
	TRY(OK, "enter the same", suite_enter(&d, same));
	page_sizes(&d, "the same");
	TRY(OK, "map", suite_map(&d, 0, mem, 1));
	TRY(1, "unmap", suite_unmap(&d, 0, 1));
	TRY(OK, "enter another", suite_enter(&d, group));
	page_sizes(&d, "both");
	cap = info_cap(backend_info(&d), VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION);
	NEED(cap != NULL);
	suite_say("migration", "0x%llx", (unsigned long long)cap->pgsize_bitmap);
	TRY(ANY, "map a page", suite_map(&d, 0, mem, 1));
	backend_unmap_all(&d);
	TRY(OK, "leave", leave(group));
	page_sizes(&d, "one again");
}

/* 4 MiB, in huge pages where there are any; or NULL. */
static char *huge_memory(void)
{
	char *mem = mmap(NULL, 6 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(2 * MIB - 1));
	madvise(mem, 4 * MIB, MADV_HUGEPAGE);
	memset(mem, 1, 4 * MIB);
	return mem;
}

/* A bit stands for the smallest page of the IOMMU; nothing behind the bitmap is written. */
CASE(fake_dirty_units, "A115 A117 A121 A122")
{
	char *mem = huge_memory();
	const uint64_t unit = 64 * KIB;
	uint64_t word[4];
	struct suite_dirty q;
	struct {
		struct vfio_iommu_type1_dma_unmap head;
		struct vfio_bitmap bitmap;
	} u = {
		.head = { .argsz = sizeof(u), .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			  .iova = IOVA, .size = 64 * unit },
		.bitmap = { unit, 8, (void *)word },
	};
	struct backend d;

	NEED(mem);
	reset();
	set("pgsizes", "0x10000,0x1000");
	d = fake();
	TRY(OK, "map", backend_map(&d, IOVA, mem, 5 * unit, MAP_RW));
	TRY(OK, "start", suite_track(&d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	q = suite_dirty(IOVA, 64 * unit, word, 8);
	memset(word, 0, sizeof(word));
	TRY(-EINVAL, "get by our page", suite_dirty_get(&d, &q));
	q.get.bitmap.pgsize = unit;
	TRY(OK, "get", suite_dirty_get(&d, &q));
	suite_say("get, bits", "%s", suite_hex(word, sizeof(word)));
	memset(word, 0, sizeof(word));
	TRY(OK, "unmap", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	SEE(5 * unit, "bytes", u.head.size);
	suite_say("unmap, bits", "%s", suite_hex(word, sizeof(word)));
}

/* One maps huge pages, the other small ones. */
CASE(fake_large_and_small, "A138 A080")
{
	char *mem = huge_memory();
	int group = suite_group(FAKE(2));
	struct backend d;

	NEED(mem);
	reset();
	set("pgsizes", "0x201000,0x1000");
	d = fake();
	TRY(OK, "enter", suite_enter(&d, group));
	TRY(OK, "map", backend_map(&d, IOVA, mem, 4 * MIB, MAP_RW));
	seen("map", "mapped");
	TRY(4 * MIB, "unmap", backend_unmap(&d, IOVA, 4 * MIB));
	seen("unmap", "mapped");
	SEE(0, "pinned", suite_pinned());
}

struct order {
	long flushes;
	long early;
	long unpins;
};

static void add_call(const char *text, void *arg)
{
	struct order *o = arg;

	o->flushes += strstr(text, "fake_sync") != NULL;
	if (strstr(text, "unpin_user")) {
		o->unpins++;
		o->early += o->flushes < 2;
	}
}

/* Both IOMMUs have flushed before the first page is unpinned. */
CASE(fake_flushes_both_first, "A079 A081")
{
	int group = suite_group(FAKE(2));
	struct order o = { 0 };
	struct backend d;

	reset();
	d = fake();
	TRY(OK, "enter", suite_enter(&d, group));
	TRY(OK, "map", suite_map(&d, 0, suite_memory(64), 64));
	NEED(suite_trace_functions("fake_sync unpin_user_pages_dirty_lock "
				   "unpin_user_page_range_dirty_lock unpin_user_pages unpin_user_page"));
	TRY(64, "unmap", suite_unmap(&d, 0, 64));
	suite_trace_end(add_call, &o);
	SEE(1, "flushed", o.flushes >= 2);
	SEE(1, "unpinned", o.unpins > 0);
	SEE(0, "before both flushes", o.early);
	seen("unmap", "mapped");
}
