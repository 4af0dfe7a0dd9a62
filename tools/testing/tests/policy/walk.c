// SPDX-License-Identifier: GPL-2.0-only
/*
 * The iterators over address spaces and mappings, and the look-up by id, from a
 * syscall program: they show what this program has mapped, and nothing that is
 * gone.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <ktap.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define OBJECT	"build/bpf/test/walk.bpf.o"
#define PAGE	4096UL
#define MIB	(1UL << 20)

FIXTURE(walk)
{
	struct bpf_object *obj;
	int fd;
	char *memory;
};

FIXTURE_SETUP(walk)
{
	self->obj = bpf_object__open_file(OBJECT, NULL);
	ASSERT_TRUE(self->obj != NULL);
	ASSERT_EQ(0, bpf_object__load(self->obj));
	self->fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	self->memory = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
}

FIXTURE_TEARDOWN(walk)
{
	munmap(self->memory, 4 * MIB);
	close(self->fd);
	bpf_object__close(self->obj);
}

static int map_at(int fd, char *memory, uint64_t iova, uint64_t size, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = size,
	};

	return ioctl(fd, VFIO_IOMMU_MAP_DMA, &map);
}

/* Where a variable is: its map, and its place in the only value there. */
static struct bpf_map *find_variable(struct bpf_object *obj, const char *name,
				     const struct btf_var_secinfo **at)
{
	static const char *const sections[] = { ".data", ".bss" };
	const struct btf *btf = bpf_object__btf(obj);
	struct bpf_map *map;

	for (size_t i = 0; i < 2; i++) {
		const struct btf_type *t;

		t = btf__type_by_id(btf, (__u32)btf__find_by_name_kind(btf, sections[i],
								      BTF_KIND_DATASEC));
		for (int v = 0; t && v < btf_vlen(t); v++) {
			*at = btf_var_secinfos(t) + v;
			if (strcmp(name, btf__name_by_offset(btf,
				   btf__type_by_id(btf, (*at)->type)->name_off)))
				continue;
			bpf_object__for_each_map(map, obj)
				if (strstr(bpf_map__name(map), sections[i]))
					return map;
		}
	}
	abort();
}

/* What a variable is, after it was made @value if that is not NULL. */
static uint64_t variable(struct bpf_object *obj, const char *name, const uint64_t *value)
{
	const struct btf_var_secinfo *at;
	struct bpf_map *map = find_variable(obj, name, &at);
	int fd = bpf_map__fd(map), zero = 0;
	char *all = calloc(1, bpf_map__value_size(map));
	uint64_t seen = 0;

	if (!all || bpf_map_lookup_elem(fd, &zero, all))
		abort();
	if (value) {
		memcpy(all + at->offset, value, at->size);
		if (bpf_map_update_elem(fd, &zero, all, BPF_ANY))
			abort();
	}
	memcpy(&seen, all + at->offset, at->size);
	free(all);
	return seen;
}

static int run(struct bpf_object *obj, const char *program)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int fd = bpf_program__fd(bpf_object__find_program_by_name(obj, program));
	int err = bpf_prog_test_run_opts(fd, &opts);

	return err ? err : (int)opts.retval;
}

#define SEEN(name)	variable(self->obj, name, NULL)

TEST_F(walk, shows_what_is_mapped)
{
	uint32_t rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

	ASSERT_EQ(0, map_at(self->fd, self->memory, 16 * MIB, MIB, rw));
	ASSERT_EQ(0, map_at(self->fd, self->memory + 2 * MIB, MIB, PAGE, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, run(self->obj, "walk_all"));
	EXPECT_EQ(1, SEEN("spaces"));
	EXPECT_EQ(2, SEEN("mappings"));
	EXPECT_EQ(MIB + PAGE, SEEN("bytes"));
	EXPECT_EQ(257, SEEN("pages"));
	EXPECT_LE(SEEN("runs"), 257);
	EXPECT_LE(2, SEEN("runs"));
	EXPECT_EQ(1, SEEN("writable"));
	EXPECT_EQ(MIB, SEEN("lowest"));
	EXPECT_EQ(2, SEEN("info_maps"));
	EXPECT_EQ(MIB + PAGE, SEEN("info_bytes"));
	EXPECT_EQ(1, SEEN("ascending"));
}

TEST_F(walk, keeps_to_the_range)
{
	uint64_t first = 2 * MIB + PAGE, last = 8 * MIB - 1;

	for (uint64_t iova = 0; iova < 16 * MIB; iova += 2 * MIB)
		ASSERT_EQ(0, map_at(self->fd, self->memory, iova, 2 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	variable(self->obj, "first", &first);
	variable(self->obj, "last", &last);
	ASSERT_EQ(0, run(self->obj, "walk_all"));
	/* At 2, 4 and 6 MiB; the first one only ends inside. */
	EXPECT_EQ(3, SEEN("mappings"));
	EXPECT_EQ(2 * MIB, SEEN("lowest"));
	EXPECT_EQ(8, SEEN("info_maps"));
}

TEST_F(walk, ends_with_the_address_space)
{
	ASSERT_EQ(0, map_at(self->fd, self->memory, ~0UL - PAGE + 1, PAGE, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, run(self->obj, "walk_all"));
	EXPECT_EQ(1, SEEN("mappings"));
}

TEST_F(walk, several_spaces_in_order)
{
	int more[4];

	for (size_t i = 0; i < 4; i++) {
		more[i] = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, more[i]);
	}
	close(more[1]);
	ASSERT_EQ(0, run(self->obj, "walk_all"));
	EXPECT_EQ(4, SEEN("spaces"));
	EXPECT_EQ(1, SEEN("ascending"));
	close(more[0]);
	close(more[2]);
	close(more[3]);
}

TEST_F(walk, finds_one_by_its_id)
{
	uint64_t id, none = 0;

	ASSERT_EQ(0, run(self->obj, "walk_all"));
	id = SEEN("last_space");
	variable(self->obj, "wanted", &id);
	EXPECT_EQ((int)id, run(self->obj, "find_one"));
	variable(self->obj, "wanted", &none);
	EXPECT_EQ(0, run(self->obj, "find_one"));
	id++;
	variable(self->obj, "wanted", &id);
	EXPECT_EQ(0, run(self->obj, "find_one"));
}

TEST_HARNESS_MAIN
