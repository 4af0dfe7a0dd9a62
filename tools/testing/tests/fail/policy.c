// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures while policies are loaded and unloaded, and while one has its say: whatever
 * fails, no container gets past a policy.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fail/sweep.h"

#define IOVA		0x40000000ULL
#define PINCG		"build/bpf/pincg.bpf.o"
/* Quickly verified, which a kernel that looks for bugs does slowly; refuses when told to. */
#define QUICK		"build/bpf/test/misbehave.bpf.o"
#define LOADED		"/sys/kernel/ioasid/policies/misbehave"

FIXTURE(policy) {
	struct world w;
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

/* Without a backend: a policy can be loaded and unloaded when nothing is open. */
FIXTURE_SETUP(policy)
{
	libbpf_set_print(quiet);
	self->w.d.fd = -1;
	self->w.d.group = -1;
	self->w.other = self->w.d;
}

FIXTURE_TEARDOWN(policy)
{
	backend_close(&self->w.d);
	backend_close(&self->w.other);
	EXPECT_ERRNO(ENOENT, access(LOADED, F_OK));
}

/* --- loading and unloading --- */

/* The programs are verified, but not yet a policy. */
struct loader {
	struct bpf_object *obj;
	struct bpf_map *map;
	struct bpf_link *link;
};

static struct loader loader, second;

static void loader_close(struct loader *l)
{
	bpf_link__destroy(l->link);
	bpf_object__close(l->obj);
	memset(l, 0, sizeof(*l));
}

static bool loader_open(struct loader *l, const char *file, const char *name)
{
	l->obj = bpf_object__open_file(file, NULL);
	if (!l->obj || bpf_object__load(l->obj))
		return false;
	l->map = bpf_object__find_map_by_name(l->obj, name);
	return l->map;
}

static bool load_ready(struct world *w)
{
	(void)w;
	return loader_open(&loader, QUICK, "misbehave");
}

static bool load_call(struct world *w)
{
	(void)w;
	loader.link = bpf_map__attach_struct_ops(loader.map);
	return loader.link;
}

static bool load_undo(struct world *w)
{
	bool was_there = !access(LOADED, F_OK);

	(void)w;
	loader_close(&loader);
	return was_there && access(LOADED, F_OK);
}

TEST_F_TIMEOUT(policy, load, 600)
{
	static const struct flow flow = {
		.ready = load_ready, .call = load_call, .undo = load_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool unload_ready(struct world *w)
{
	return load_ready(w) && load_call(w);
}

/* Always works, or a policy could never be removed. */
static bool unload_call(struct world *w)
{
	(void)w;
	bpf_link__destroy(loader.link);
	loader.link = NULL;
	return access(LOADED, F_OK);
}

static bool unload_undo(struct world *w)
{
	(void)w;
	loader_close(&loader);
	return true;
}

TEST_F_TIMEOUT(policy, unload, 300)
{
	static const struct flow flow = {
		.ready = unload_ready, .call = unload_call, .undo = unload_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool replace_ready(struct world *w)
{
	return unload_ready(w) && loader_open(&second, QUICK, "misbehave");
}

static bool replace_call(struct world *w)
{
	(void)w;
	return !bpf_link__update_map(loader.link, second.map);
}

static bool replace_undo(struct world *w)
{
	loader_close(&second);
	return load_undo(w);
}

TEST_F_TIMEOUT(policy, replace, 600)
{
	static const struct flow flow = {
		.ready = replace_ready, .call = replace_call, .undo = replace_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- mapping under a policy that counts --- */

static bool map_call(struct world *w)
{
	return !backend_map(&w->d, IOVA, w->mem, w->bytes, MAP_RW);
}

static bool map_undo(struct world *w)
{
	return backend_unmap(&w->d, IOVA, w->bytes) == w->bytes;
}

/* Bytes that all slots of pincg hold; nothing else pins under it here. */
static bool counted(uint64_t *bytes)
{
	struct bpf_map *slots = bpf_object__find_map_by_name(loader.obj, "slots");
	size_t size = slots ? bpf_map__value_size(slots) : 0;
	uint64_t value[64];
	uint32_t i;

	*bytes = 0;
	if (!slots || size > sizeof(value))
		return false;
	for (i = 0; i < 64; i++) {
		if (bpf_map_lookup_elem(bpf_map__fd(slots), &i, value))
			return false;
		*bytes += value[0];
	}
	return true;
}

TEST_F_TIMEOUT(policy, map_counted, 120)
{
	static const struct flow flow = { .call = map_call, .undo = map_undo };
	struct world *w = &self->w;
	uint64_t before, after;

	w->bytes = 2 * MIB;
	w->mem = small_pages(w->bytes);
	ASSERT_NE(MAP_FAILED, w->mem);
	memset(w->mem, 1, w->bytes);
	ASSERT_TRUE(loader_open(&loader, PINCG, "pincg") && load_call(w));
	ASSERT_TRUE(backend_open(&w->d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	ASSERT_TRUE(map_call(w) && map_undo(w));
	ASSERT_TRUE(counted(&before));
	EXPECT_TRUE(sweep(w, &flow));
	ASSERT_TRUE(counted(&after));
	EXPECT_EQ(before, after);
	backend_close(&w->d);
	loader_close(&loader);
}

/* --- a container whose group a policy refuses --- */

static bool ctl(const char *words)
{
	char command[256];

	snprintf(command, sizeof(command), "build/bin/ioasidctl policy %s >/dev/null", words);
	return !system(command);
}

static bool seal_ready(struct world *w)
{
	return backend_join(&w->other, BACKEND_SHIM, DEVICE_EDU);
}

static bool seal_call(struct world *w)
{
	return !ioctl(w->other.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

/* Sealed: ours, and every map is refused for the policy's reason. */
static bool is_sealed(struct world *w)
{
	if (!backend_is_right(&w->other))
		return false;
	if (!backend_map(&w->other, IOVA, w->mem, PAGE, MAP_RW)) {
		TH_LOG("a map works in a container that should be sealed");
		return false;
	}
	return errno == EPERM;
}

static bool seal_undo(struct world *w)
{
	bool sealed = is_sealed(w);

	backend_close(&w->other);
	return sealed;
}

static void sealed(struct ktap_test *_self, struct world *w)
{
	static const struct flow flow = {
		.ready = seal_ready, .call = seal_call, .undo = seal_undo,
	};

	w->mem = touched_memory(PAGE);
	ASSERT_NE(MAP_FAILED, w->mem);
	ASSERT_TRUE(ctl("load " QUICK " --set attach_value=-1"));
	EXPECT_TRUE(sweep(w, &flow));
	EXPECT_TRUE(ctl("unload misbehave"));
}

TEST_F_TIMEOUT(policy, seal, 300)
{
	sealed(_self, &self->w);
}

/*
 * The same with type1 at hand, which VFIO asks when we fail. A failure must
 * never be the way to a driver that knows of no policy.
 */
TEST_F_TIMEOUT(policy, seal_before_type1, 300)
{
	ASSERT_EQ(0, system("modprobe vfio_iommu_type1 && rmmod ioasid_setcontainer ioasid_vfio && "
			    "insmod build/$(uname -r)/ioasid_vfio.ko && "
			    "insmod build/$(uname -r)/ioasid_setcontainer.ko"));
	sealed(_self, &self->w);
	EXPECT_EQ(0, system("rmmod vfio_iommu_type1"));
}

SWEEP_MAIN
