// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies see the address of every mapping (map_at) and can turn it down: each
 * way to an address, where the kernel looks next, and that it stops looking.
 * policy/at.bpf.c checks what the hook is promised.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>

#include "lib/kapi.h"
#include "native/ring.h"
#include "lib/policy_at.h"

#define OBJECT	"build/bpf/test/at.bpf.o"
#define BASE	0x100000000ULL		/* where the kernel's search begins without a device */
#define HUGE	512			/* pages of a huge page */
#define PAGES	(2 * HUGE)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define REASON_WINDOW	8		/* as <ioasid/args.h> has them */
#define REASON_POLICY	15
#define POLICY_AT_MAX	256		/* and <ioasid/policy.h> */

FIXTURE(veto) {
	struct bpf_object *obj;
	struct bpf_link *link;
	struct at_state *state;
	int fd;
	char *mem;
};

/* What the map is meant to say, while it is not loaded: flags and the like. */
static bool load(struct ktap_fixture_veto *self, uint64_t flags)
{
	struct bpf_map *map;
	uint64_t *data;
	size_t size;

	self->obj = bpf_object__open_file(OBJECT, NULL);
	if (!self->obj)
		return false;
	map = bpf_object__find_map_by_name(self->obj, "at");
	/* The name, and then the flags. */
	data = map ? bpf_map__initial_value(map, &size) : NULL;
	if (!data)
		return false;
	data[4] = flags;
	if (bpf_object__load(self->obj))
		return false;
	self->state = bpf_map__initial_value(bpf_object__find_map_by_name(self->obj, ".data.at"),
					     &size);
	self->link = bpf_map__attach_struct_ops(map);
	return self->state && self->link;
}

static void unload(struct ktap_fixture_veto *self)
{
	bpf_link__destroy(self->link);
	bpf_object__close(self->obj);
	self->link = NULL;
	self->obj = NULL;
}

FIXTURE_SETUP(veto)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_TRUE(load(self, 0));
}

/* Whatever a test did: each mapping is where map_at said yes, once. */
FIXTURE_TEARDOWN(veto)
{
	if (self->link) {
		EXPECT_EQ(0, self->state->unseen);
		EXPECT_EQ(0, self->state->twice);
		EXPECT_EQ(0, self->state->early);
		EXPECT_EQ(0, self->state->nowhere);
	}
	unload(self);
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
}

/* From now on [@first, @last] is turned down. */
static void deny(struct at_state *s, uint64_t first, uint64_t last)
{
	s->deny_first = first;
	s->deny_last = last;
}

static uint32_t link_id(const struct bpf_link *link)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);

	return bpf_link_get_info_by_fd(bpf_link__fd(link), &info, &size) ? 0 : info.id;
}

/* A line of a file of the policy in sysfs holds these words. */
static bool sysfs_has(const char *name, const char *words)
{
	char path[96], text[1024] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/ioasid/policies/at/%s", name);
	file = fopen(path, "re");
	if (!file)
		return false;
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	return strstr(text, words);
}

static uint64_t place(const struct ktap_fixture_veto *self, unsigned int pages)
{
	return native_map(self->fd, 0, NATIVE_RW, 0, self->mem, pages * PAGE);
}

static uint64_t fixed(const struct ktap_fixture_veto *self, uint64_t iova, unsigned int pages)
{
	return native_map(self->fd, 0, NATIVE_FIXED, iova, self->mem, pages * PAGE);
}

/* The policy refused, and map_done was given its id and the address. */
#define EXPECT_VETO(error, at) do {						\
	EXPECT_EQ(-(error), self->state->err);					\
	EXPECT_EQ(REASON_POLICY, self->state->reason);				\
	EXPECT_EQ(link_id(self->link), self->state->a);				\
	EXPECT_EQ(at, self->state->b);						\
} while (0)

/* --- each way to an address --- */

/* A way: map one page at @iova, or where the kernel likes; where it is, or NATIVE_FAIL. */
struct way {
	const char *name;
	uint64_t (*map)(struct ktap_fixture_veto *self, bool anywhere, uint64_t iova);
};

static uint64_t by_map(struct ktap_fixture_veto *self, bool anywhere, uint64_t iova)
{
	return native_map(self->fd, 0, anywhere ? NATIVE_RW : NATIVE_FIXED, iova, self->mem, PAGE);
}

static uint64_t by_file(struct ktap_fixture_veto *self, bool anywhere, uint64_t iova)
{
	int file = memfd_create("veto", MFD_CLOEXEC);
	uint64_t at = NATIVE_FAIL;
	int err;

	if (file < 0 || !ftruncate(file, PAGE))
		at = native_map_file(self->fd, 0, anywhere ? NATIVE_RW : NATIVE_FIXED, iova, file, 0,
				     PAGE);
	err = errno;
	close(file);
	errno = err;
	return at;
}

/* The source is in another space, mapped before anything was denied. */
static uint64_t by_copy(struct ktap_fixture_veto *self, bool anywhere, uint64_t iova)
{
	struct at_state *s = self->state;
	int other = native_alloc(self->fd);
	uint64_t last = s->deny_last, at;

	s->deny_last = 0;
	native_map(self->fd, (uint32_t)other, NATIVE_FIXED, 0x1000, self->mem, PAGE);
	s->deny_last = last;
	at = native_copy(self->fd, 0, (uint32_t)other, anywhere ? NATIVE_RW : NATIVE_FIXED, iova,
			 0x1000, PAGE);
	return at;
}

/* The second of two, behind one that the policy allows. */
static uint64_t by_batch(struct ktap_fixture_veto *self, bool anywhere, uint64_t iova)
{
	struct ioasid_map_entry e[2] = {
		{ .flags = NATIVE_FIXED, .iova = 0x40000000, .user_va = (uintptr_t)self->mem,
		  .length = PAGE },
		{ .flags = anywhere ? NATIVE_RW : NATIVE_FIXED, .iova = iova,
		  .user_va = (uintptr_t)self->mem + PAGE, .length = PAGE },
	};
	uint32_t done;
	int ret = native_map_batch(self->fd, 0, e, 2, &done), err = errno;
	struct ioasid_iova_range first = { 0x40000000, 0x40000fff };

	native_unmap_batch(self->fd, 0, &first, 1, &done);
	errno = err;
	return ret ? NATIVE_FAIL : e[1].out_iova;
}

static uint64_t on_ring(struct ktap_fixture_veto *self, bool anywhere, uint64_t iova)
{
	struct ioasid_map_dma map = {
		.size = sizeof(map),
		.flags = anywhere ? NATIVE_RW : NATIVE_FIXED,
		.iova = iova,
		.user_va = (uintptr_t)self->mem,
		.length = PAGE,
	};
	struct io_uring ring;
	int res;

	if (io_uring_queue_init(2, &ring, 0))
		return NATIVE_FAIL;
	submit(&ring, self->fd, IOASID_MAP_DMA, &map, 1);
	res = result(&ring, NULL);
	io_uring_queue_exit(&ring);
	errno = -res;
	return res ? NATIVE_FAIL : map.out_iova;
}

static const struct way ways[] = {
	{ "IOASID_MAP_DMA", by_map },
	{ "IOASID_MAP_FILE", by_file },
	{ "IOASID_COPY", by_copy },
	{ "IOASID_MAP_BATCH", by_batch },
	{ "a ring", on_ring },
};

TEST_F(veto, every_way_to_a_chosen_address)
{
	struct at_state *s = self->state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		uint64_t made = s->made, refused = s->refused, at;

		/* Four pages behind those that the ways before it have. */
		deny(s, BASE, BASE + (4 * i + 4) * PAGE - 1);
		at = ways[i].map(self, true, 0);
		if (at != BASE + (4 * i + 4) * PAGE)
			TH_LOG("%s: at %#llx", ways[i].name, (unsigned long long)at);
		EXPECT_EQ(BASE + (4 * i + 4) * PAGE, at);
		EXPECT_EQ(refused + 1, s->refused);
		EXPECT_LT(made, s->made);
	}
}

TEST_F(veto, every_way_to_a_fixed_address)
{
	struct at_state *s = self->state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		uint64_t at = BASE + 4 * i * PAGE, got, asked;
		int err;

		deny(s, at, at + PAGE - 1);
		got = ways[i].map(self, false, at);
		err = got == NATIVE_FAIL ? errno : 0;
		if (err != EPERM || s->b != at)
			TH_LOG("%s: %s, %#llx", ways[i].name, strerror(err),
			       (unsigned long long)s->b);
		EXPECT_EQ(EPERM, err);
		EXPECT_VETO(EPERM, at);
		deny(s, 0, 0);
		asked = s->asked;
		EXPECT_EQ(at, ways[i].map(self, false, at));
		EXPECT_LT(asked, s->asked);
	}
}

/* 0 or the errno. */
static int legacy_map(const struct backend *d, uint64_t iova, const char *mem, unsigned int pages)
{
	return backend_map(d, iova, mem, pages * PAGE, MAP_RW) ? errno : 0;
}

/* VFIO's ioctl, here and in a container, by the rules of either type. */
TEST_F(veto, ioctl_of_vfio)
{
	static const struct {
		enum backend_kind kind;
		unsigned long type;
	} backends[] = {
		{ BACKEND_IOASID, VFIO_TYPE1_IOMMU }, { BACKEND_IOASID, VFIO_TYPE1v2_IOMMU },
		{ BACKEND_SHIM, VFIO_TYPE1_IOMMU }, { BACKEND_SHIM, VFIO_TYPE1v2_IOMMU },
	};
	struct at_state *s = self->state;
	unsigned int i;
	struct backend d;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		ASSERT_TRUE(backend_open(&d, backends[i].kind, backends[i].type, DEVICE_NVME));
		deny(s, 0x10000000, 0x1000ffff);
		EXPECT_EQ(EPERM, legacy_map(&d, 0x1000f000, self->mem, 2));
		EXPECT_VETO(EPERM, 0x1000f000ULL);
		EXPECT_EQ(0, legacy_map(&d, 0x10010000, self->mem, 2));
		EXPECT_EQ(i + 1, s->made);
		/* Refused before it is known that something is there. */
		deny(s, 0x10011000, 0x10011fff);
		EXPECT_EQ(EPERM, legacy_map(&d, 0x10011000, self->mem, 1));
		backend_close(&d);
	}
}

TEST_F(veto, drivers_in_the_kernel)
{
	struct kapi from = { .op = KAPI_FROM_FILE, .fd = self->fd }, map = {
		.op = KAPI_MAP,
		.iova = BASE,
		.data = (uintptr_t)self->mem,
		.length = PAGE,
		.flags = 3,
	};
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, module);
	ASSERT_EQ(0, ioctl(module, KAPI_CALL, &from));
	deny(self->state, BASE, BASE + PAGE - 1);
	EXPECT_EQ(EPERM, ioctl(module, KAPI_CALL, &map) ? errno : 0);
	EXPECT_VETO(EPERM, BASE);
	map.iova += PAGE;
	EXPECT_EQ(0, ioctl(module, KAPI_CALL, &map));
	EXPECT_EQ(1, self->state->made);
	close(module);
}

/* What is mapped stays where it is, and the policy is not asked again. */
TEST_F(veto, nothing_moves_later)
{
	struct at_state *s = self->state;
	uint64_t asked;
	struct backend d;

	ASSERT_EQ(0x100000, fixed(self, 0x100000, 8));
	asked = s->asked;
	deny(s, 0, UINT64_MAX);
	ASSERT_TRUE(native_attach(self->fd, &d, DEVICE_NVME));
	EXPECT_EQ(8, native_info(self->fd, 0).out_pinned);
	EXPECT_EQ(asked, s->asked);
	EXPECT_EQ(0x100000, s->iova);
	backend_close(&d);
	EXPECT_EQ((long long)(8 * PAGE), native_unmap_all(self->fd, 0));
	EXPECT_EQ(asked, s->asked);
}

/* --- where the kernel looks next --- */

/* From right before the place of interrupts on: the next address is behind that. */
TEST_F(veto, reserved_ranges_of_a_device)
{
	struct backend d;

	ASSERT_TRUE(native_attach(self->fd, &d, DEVICE_NVME));
	EXPECT_EQ(PAGE, place(self, 1));
	deny(self->state, 0, MSI_START - PAGE - 1);
	EXPECT_EQ(MSI_START - PAGE, place(self, 1));
	EXPECT_EQ(MSI_END + 1, place(self, 1));
	deny(self->state, 0, MSI_START + PAGE);
	EXPECT_EQ(MSI_END + 1 + PAGE, place(self, 1));
	EXPECT_EQ((long long)(4 * PAGE), native_unmap_all(self->fd, 0));
	backend_close(&d);
}

TEST_F(veto, windows_and_their_ends)
{
	static const struct ioasid_iova_range w[] = {
		{ BASE, BASE + 4 * PAGE - 1 }, { BASE + GIB, BASE + GIB + 4 * PAGE - 1 },
	};
	struct at_state *s = self->state;

	ASSERT_EQ(0, native_allow(self->fd, 0, w, 2));
	deny(s, BASE, BASE + 3 * PAGE - 1);
	EXPECT_EQ(BASE + GIB, place(self, 2));
	EXPECT_EQ(BASE + 3 * PAGE, place(self, 1));
	/* The last that is left is turned down: it is the policy's doing. */
	deny(s, 0, BASE + 2 * GIB);
	EXPECT_NO_MAP(self->fd, ENOSPC, place(self, 1));
	EXPECT_VETO(ENOSPC, BASE);
	EXPECT_EQ(0, s->iova);
	EXPECT_TRUE(sysfs_has("stats", "denied 1\n"));
	/* Too long for any: it is not. */
	EXPECT_NO_MAP(self->fd, ENOSPC, place(self, 5));
	EXPECT_EQ(REASON_WINDOW, s->reason);
}

/* The very last page there is: no address is above it. */
TEST_F(veto, the_last_page)
{
	static const struct ioasid_iova_range end = { -3 * PAGE, UINT64_MAX };
	struct at_state *s = self->state;

	ASSERT_EQ(0, native_allow(self->fd, 0, &end, 1));
	deny(s, -3 * PAGE, -2 * PAGE - 1);
	EXPECT_EQ(-2 * PAGE, place(self, 1));
	EXPECT_EQ(-PAGE, place(self, 1));
	EXPECT_EQ((long long)(2 * PAGE), native_unmap_all(self->fd, 0));
	/* It says 0, which is yes, for want of a number behind the end. */
	s->answer = AT_ERRNO;
	s->value = -ENOSPC;
	deny(s, -3 * PAGE, UINT64_MAX);
	EXPECT_NO_MAP(self->fd, ENOSPC, place(self, 1));
	EXPECT_VETO(ENOSPC, -3 * PAGE);
	/* The same by climbing, which ends at the end. */
	s->answer = AT_CLIMB;
	s->refused = 0;
	deny(s, -3 * PAGE, -PAGE - 1);
	EXPECT_EQ(-PAGE, place(self, 1));
	EXPECT_EQ(2, s->refused);
}

/* What suits a huge page comes first; then any address, those that were asked about too. */
TEST_F(veto, alignment_gives_way)
{
	static const struct ioasid_iova_range w = { BASE, BASE + 3 * HUGE * PAGE - 1 };
	struct at_state *s = self->state;
	char *mem = (char *)(((uintptr_t)self->mem + HUGE * PAGE - 1) & ~(HUGE * PAGE - 1));

	ASSERT_EQ(0, native_allow(self->fd, 0, &w, 1));
	deny(s, BASE + 10 * PAGE, BASE + 11 * PAGE - 1);
	EXPECT_EQ(BASE + HUGE * PAGE, native_map(self->fd, 0, NATIVE_RW, 0, mem, HUGE * PAGE));
	EXPECT_EQ((long long)(HUGE * PAGE), native_unmap_all(self->fd, 0));
	/* Of those that suit it one is turned down and two are taken. */
	ASSERT_EQ(BASE + 400 * PAGE, fixed(self, BASE + 400 * PAGE, 1));
	ASSERT_EQ(BASE + 1535 * PAGE, fixed(self, BASE + 1535 * PAGE, 1));
	s->refused = 0;
	deny(s, BASE + 700 * PAGE, BASE + 701 * PAGE - 1);
	EXPECT_EQ(BASE + 701 * PAGE, native_map(self->fd, 0, NATIVE_RW, 0, mem, HUGE * PAGE));
	EXPECT_EQ(2, s->refused);
}

/* Where map_place would rather be is asked about first, and what the kernel takes then. */
TEST_F(veto, what_map_place_says)
{
	struct at_state *s = self->state;

	s->place = BASE + GIB;
	EXPECT_EQ(BASE + GIB, place(self, 1));
	EXPECT_EQ(1, s->asked);
	s->place = BASE + 2 * GIB;
	deny(s, BASE + 2 * GIB, BASE + 2 * GIB);
	EXPECT_EQ(BASE, place(self, 1));
	EXPECT_EQ(3, s->asked);
	EXPECT_EQ(1, s->refused);
	/* Both are turned down. */
	s->place = BASE + 2 * PAGE;
	deny(s, BASE, BASE + 8 * PAGE - 1);
	EXPECT_EQ(BASE + 8 * PAGE, place(self, 1));
	EXPECT_EQ(3, s->refused);
}

/* --- what it may answer --- */

TEST_F(veto, errnos_refuse_the_mapping)
{
	static const int errnos[] = { EPERM, EACCES, ENOMEM, ENOSPC, EINVAL };
	struct at_state *s = self->state;
	unsigned int i;

	s->answer = AT_ERRNO;
	deny(s, BASE, BASE + PAGE - 1);
	for (i = 0; i < ARRAY_SIZE(errnos); i++) {
		s->value = -errnos[i];
		EXPECT_NO_MAP(self->fd, errnos[i], place(self, 1));
		EXPECT_VETO(errnos[i], BASE);
		EXPECT_NO_MAP(self->fd, errnos[i], fixed(self, BASE, 1));
		EXPECT_VETO(errnos[i], BASE);
	}
	EXPECT_EQ(2 * i, s->refused);
	EXPECT_TRUE(sysfs_has("state", "enabled"));
	EXPECT_TRUE(sysfs_has("stats", "denied 10\n"));
}

/* One that always knows a better address: the search ends. */
TEST_F(veto, climbs_for_ever)
{
	struct at_state *s = self->state;

	s->answer = AT_CLIMB;
	deny(s, 0, UINT64_MAX);
	EXPECT_NO_MAP(self->fd, ENOSPC, place(self, 1));
	EXPECT_EQ(POLICY_AT_MAX, s->refused);
	EXPECT_VETO(ENOSPC, BASE + (POLICY_AT_MAX - 1) * PAGE);
	EXPECT_TRUE(sysfs_has("state", "enabled"));
	EXPECT_TRUE(sysfs_has("stats", "denied 1\n"));
	/* For a fixed address once is enough. */
	EXPECT_NO_MAP(self->fd, EPERM, fixed(self, BASE, 1));
	EXPECT_EQ(POLICY_AT_MAX + 1, s->refused);
}

FIXTURE(wrong) {
	struct ktap_fixture_veto veto;
};

FIXTURE_VARIANT(wrong) {
	enum at_answer answer;
	int64_t value;
	bool anywhere;
};

FIXTURE_VARIANT_ADD(wrong, stays) { .answer = AT_STAY };
FIXTURE_VARIANT_ADD(wrong, goes_back) { .answer = AT_BACK };
FIXTURE_VARIANT_ADD(wrong, no_such_errno) { .answer = AT_ERRNO, .value = -EEXIST };
FIXTURE_VARIANT_ADD(wrong, stays_anywhere) { .answer = AT_STAY, .anywhere = true };
FIXTURE_VARIANT_ADD(wrong, goes_back_anywhere) { .answer = AT_BACK, .anywhere = true };
FIXTURE_VARIANT_ADD(wrong, no_such_errno_anywhere) {
	.answer = AT_ERRNO, .value = -EEXIST, .anywhere = true
};

FIXTURE_SETUP(wrong)
{
	(void)variant;
	self->veto.fd = native_open();
	ASSERT_LE(0, self->veto.fd);
	self->veto.mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->veto.mem);
	ASSERT_TRUE(load(&self->veto, 0));
}

FIXTURE_TEARDOWN(wrong)
{
	(void)variant;
	unload(&self->veto);
	close(self->veto.fd);
	EXPECT_EQ(0, locked_kib());
}

/* The mapping is refused, and the policy is ejected; the next one is mapped. */
TEST_F(wrong, is_ejected)
{
	struct ktap_fixture_veto *v = &self->veto;
	uint64_t want = variant->anywhere ? BASE : BASE + PAGE;

	v->state->answer = variant->answer;
	v->state->value = variant->value;
	deny(v->state, BASE, BASE + 2 * PAGE - 1);
	EXPECT_NO_MAP(v->fd, EPERM, variant->anywhere ? place(v, 1) : fixed(v, want, 1));
	EXPECT_EQ(1, v->state->refused);
	EXPECT_TRUE(sysfs_has("exit_kind", "error_return"));
	EXPECT_TRUE(sysfs_has("exit_hook", "map_at"));
	EXPECT_EQ(want, variant->anywhere ? place(v, 1) : fixed(v, want, 1));
}

/* --- while others map --- */

struct sleeper {
	struct ktap_fixture_veto *self;
	uint64_t at;
	int err;
};

static void *map_slowly(void *arg)
{
	struct sleeper *s = arg;

	s->at = fixed(s->self, BASE + GIB, 2);
	s->err = s->at == NATIVE_FAIL ? errno : 0;
	return NULL;
}

/*
 * A policy that fails closed is ejected while a call sleeps between map_begin and
 * map_at: no policy looks at its address any more, so it fails.
 */
TEST_F(veto, missed_between_two_hooks)
{
	struct sleeper s = { .self = self };
	struct ktap_fixture_veto ours = *self;
	pthread_t thread;

	unload(self);
	ASSERT_TRUE(load(&ours, 2));		/* IOASID_POLICY_F_FAIL_CLOSED */
	ours.state->wait_us = 1000000;
	ours.state->wait_length = 2 * PAGE;
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_slowly, &s));
	while (!*(volatile __u64 *)&ours.state->begun)
		usleep(1000);
	ours.state->answer = AT_STAY;
	deny(ours.state, BASE, BASE + PAGE - 1);
	EXPECT_EQ(NATIVE_FAIL, fixed(self, BASE, 1));
	EXPECT_TRUE(sysfs_has("exit_hook", "map_at"));
	pthread_join(thread, NULL);
	EXPECT_EQ(NATIVE_FAIL, s.at);
	EXPECT_EQ(EPERM, s.err);
	EXPECT_EQ(0, ours.state->made);
	unload(&ours);
}

#define THREADS	3

struct storm {
	struct ktap_fixture_veto *self;
	volatile uint32_t *loaded;	/* odd while the policy is */
	volatile bool *end;
	uint64_t maps;
	uint64_t vetted;		/* begun and ended while it was loaded */
	uint64_t wrong;
};

static void *map_on(void *arg)
{
	struct storm *s = arg;

	while (!*s->end) {
		uint32_t before = *s->loaded;
		uint64_t at = place(s->self, 1);

		if (at == NATIVE_FAIL) {
			s->wrong++;
			continue;
		}
		s->maps++;
		if (before & 1 && before == *s->loaded) {
			s->vetted++;
			s->wrong += at < BASE + 64 * PAGE;
		}
		s->wrong += native_unmap(s->self->fd, 0, at, PAGE) != (long long)PAGE;
	}
	return NULL;
}

/* It is loaded and unloaded while maps run: those that begin after the load keep to it. */
TEST_F(veto, loaded_while_maps_run)
{
	struct ktap_fixture_veto ours = *self;
	volatile uint32_t loaded = 0;
	volatile bool end = false;
	struct storm s[THREADS];
	pthread_t thread[THREADS];
	uint64_t vetted = 0;
	unsigned int i;

	unload(self);
	for (i = 0; i < THREADS; i++) {
		s[i] = (struct storm){ .self = self, .loaded = &loaded, .end = &end };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, map_on, &s[i]));
	}
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(load(&ours, 0));
		deny(ours.state, 0, BASE + 64 * PAGE - 1);
		__sync_fetch_and_add(&loaded, 1);
		usleep(50000);
		__sync_fetch_and_add(&loaded, 1);
		unload(&ours);
	}
	end = true;
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, s[i].wrong);
		EXPECT_LT(0, s[i].maps);
		vetted += s[i].vetted;
	}
	EXPECT_LT(0, vetted);
}

TEST_HARNESS_MAIN
