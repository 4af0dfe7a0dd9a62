// SPDX-License-Identifier: GPL-2.0-only
/*
 * While BPF makes a policy of programs that are given by descriptors, a thread
 * gives one of these descriptors to another program and back again. Whatever
 * BPF takes, a hook may only run the program that was verified for it: kmod's
 * direct.c calls programs that it knows by the same descriptors.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <ktap.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "lib/policy_ops.h"

#define OBJECT	"build/bpf/test/pair.bpf.o"

struct swapper {
	pthread_t thread;
	atomic_bool stop;
	int fd;
	int progs[2];
};

static void *swap(void *arg)
{
	struct swapper *s = arg;
	unsigned int i;

	for (i = 1; !atomic_load(&s->stop); i++)
		dup2(s->progs[i & 1], s->fd);
	return NULL;
}

static void put(char *value, size_t at, const void *what, size_t len)
{
	memcpy(value + at, what, len);
}

FIXTURE(descriptors)
{
	struct bpf_object *obj;
	int map, batch, charge;
};

static void take_object(struct ktap_fixture_descriptors *self)
{
	self->obj = bpf_object__open_file(OBJECT, NULL);
	if (!self->obj || bpf_object__load(self->obj))
		abort();
	self->map = bpf_object__find_map_fd_by_name(self->obj, "pair");
	self->batch = bpf_program__fd(bpf_object__find_program_by_name(self->obj, "pair_map_batch"));
	self->charge = bpf_program__fd(bpf_object__find_program_by_name(self->obj, "pair_charge"));
}

FIXTURE_SETUP(descriptors)
{
	self->obj = NULL;
}

FIXTURE_TEARDOWN(descriptors)
{
	bpf_object__close(self->obj);
}

/* Tries until BPF took the descriptor while it was the right program's; the link, or -errno. */
static int load(struct ktap_fixture_descriptors *self, int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	unsigned long batch = (unsigned long)fd, charge = (unsigned long)self->charge;
	const struct btf *btf = bpf_object__btf(self->obj);
	char *value;
	int err;

	if (bpf_map_get_info_by_fd(self->map, &info, &len))
		return -errno;
	value = calloc(1, info.value_size);
	if (!value)
		return -ENOMEM;
	put(value, ops_member(btf, "name"), "pair", sizeof("pair"));
	put(value, ops_member(btf, "map_batch"), &batch, sizeof(batch));
	put(value, ops_member(btf, "charge"), &charge, sizeof(charge));
	do {
		err = bpf_map_update_elem(self->map, &zero, value, 0);
	} while (err == -EINVAL);
	free(value);
	return err ?: bpf_link_create(self->map, 0, BPF_STRUCT_OPS, NULL);
}

/* One page mapped by a new /dev/ioasid. */
static int map_a_page(void)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.size = 4096,
	};
	int fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC), err;
	void *page;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || page == MAP_FAILED)
		return -errno;
	map.vaddr = (uintptr_t)page;
	err = ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) ||
	      ioctl(fd, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
	close(fd);
	munmap(page, 4096);
	return err;
}

static void counts(struct ktap_fixture_descriptors *self, __u64 *batches, __u64 *charges)
{
	struct bpf_map *map;
	__u64 seen[2] = {};
	int zero = 0;

	bpf_object__for_each_map(map, self->obj)
		if (strstr(bpf_map__name(map), ".bss"))
			bpf_map_lookup_elem(bpf_map__fd(map), &zero, seen);
	*batches = seen[0];
	*charges = seen[1];
}

TEST_F(descriptors, a_hook_runs_its_own_program)
{
	struct swapper s = {};
	time_t end = time(NULL) + 5;
	int link, tries;

	for (tries = 0; tries < 40 && time(NULL) < end; tries++) {
		__u64 batches, charges;

		take_object(self);
		s.progs[0] = self->batch;
		s.progs[1] = self->charge;
		s.fd = dup(self->batch);
		atomic_store(&s.stop, false);
		ASSERT_EQ(0, pthread_create(&s.thread, NULL, swap, &s));
		link = load(self, s.fd);
		atomic_store(&s.stop, true);
		pthread_join(s.thread, NULL);
		close(s.fd);
		ASSERT_LT(0, link);
		ASSERT_EQ(0, map_a_page());
		counts(self, &batches, &charges);
		ASSERT_EQ(1, batches);
		ASSERT_EQ(1, charges);
		close(link);
		bpf_object__close(self->obj);
		self->obj = NULL;
	}
	TH_LOG("%d policies loaded while a descriptor went to and fro", tries);
	ASSERT_LT(0, tries);
}

TEST_HARNESS_MAIN
