// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy that is being unloaded keeps its name until its exit has ended: one that
 * comes meanwhile is refused. All that takes long is done before, because BPF frees
 * and loads nothing while exit of the test's policy waits.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <ktap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define OBJECT	"build/bpf/test/probe.bpf.o"

/* The number in the system of the address space that this process opened last. */
static __u32 last_space(void)
{
	FILE *f = fopen("/sys/kernel/debug/ioasid/spaces", "re");
	unsigned int id, found = 0;
	char line[256];
	int tgid;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%u %*s %d", &id, &tgid) == 2 && tgid == getpid())
			found = id;
	if (f)
		fclose(f);
	return found;
}

/* A const variable of an object that is not loaded yet. */
static void set_u32(struct bpf_object *obj, const char *name, __u32 value)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *section = btf__type_by_id(btf, (__u32)id), *var;
	struct bpf_map *map;
	size_t size;

	bpf_object__for_each_map(map, obj) {
		if (!strstr(bpf_map__name(map), ".rodata"))
			continue;
		for (int i = 0; i < btf_vlen(section); i++) {
			var = btf__type_by_id(btf, btf_var_secinfos(section)[i].type);
			if (!strcmp(btf__name_by_offset(btf, var->name_off), name))
				memcpy((char *)bpf_map__initial_value(map, &size) +
				       btf_var_secinfos(section)[i].offset, &value, sizeof(value));
		}
	}
}

static struct bpf_object *object(__u32 exit_waits)
{
	struct bpf_object *obj = bpf_object__open_file(OBJECT, NULL);

	if (!obj)
		abort();
	set_u32(obj, "exit_waits", exit_waits);
	if (bpf_object__load(obj))
		abort();
	return obj;
}

static struct bpf_link *attach(struct bpf_object *obj)
{
	return bpf_map__attach_struct_ops(bpf_object__find_map_by_name(obj, "probe"));
}

static bool says(const char *path, const char *what)
{
	char line[256] = "";
	FILE *f = fopen(path, "re");

	if (f && !fgets(line, sizeof(line), f))
		line[0] = 0;
	if (f)
		fclose(f);
	return !strncmp(line, what, strlen(what));
}

struct unloader {
	pthread_t thread;
	struct bpf_link *link;
	atomic_bool done;
};

static void *unload(void *arg)
{
	struct unloader *u = arg;

	/* Closes it. BPF keeps others away from one that is detached, not from this. */
	bpf_link__destroy(u->link);
	u->done = true;
	return NULL;
}

TEST(refused_beside_exit)
{
	int space = open("/dev/ioasid", O_RDWR | O_CLOEXEC), ms;
	struct bpf_object *first, *second;
	struct unloader u = {};
	struct bpf_link *link;

	ASSERT_LE(0, space);
	ASSERT_LT(0, last_space());
	first = object(last_space());
	second = object(0);
	u.link = attach(first);
	ASSERT_TRUE(u.link);
	ASSERT_EQ(0, pthread_create(&u.thread, NULL, unload, &u));
	for (ms = 0; ms < 10000 && !says("/sys/kernel/ioasid/last_exit", "name=probe kind=unload"); ms++)
		usleep(1000);
	link = attach(second);
	EXPECT_FALSE(link);
	EXPECT_EQ(EEXIST, errno);
	EXPECT_FALSE(u.done);
	close(space);
	pthread_join(u.thread, NULL);
	if (!link)
		link = attach(second);
	ASSERT_TRUE(link);
	EXPECT_TRUE(says("/sys/kernel/ioasid/policies/probe/state", "enabled"));
	bpf_link__destroy(link);
	bpf_object__close(first);
	bpf_object__close(second);
}

TEST_HARNESS_MAIN
