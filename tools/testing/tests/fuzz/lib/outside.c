// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to a machine while programs run on it: policies and
 * modules are loaded and unloaded, devices disappear, parameters change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "lib/modules.h"

#define SYS_PCI		"/sys/bus/pci/"

/* What a policy is called once it is loaded, and what loads it. A host test asks for all that are shipped. */
static const struct {
	const char *name;
	const char *object;
	const char *set;
} policies[] = {
	{ "pincg", "build/bpf/pincg.bpf.o", "" },
	{ "ratelimit", "build/bpf/ratelimit.bpf.o", "--set maps_per_second=500" },
	{ "adaptbatch", "build/bpf/adaptbatch.bpf.o", "" },
	{ "iovadeny", "build/bpf/iovadeny.bpf.o", "" },
	{ "chaos", "build/bpf/chaos.bpf.o", "--set every=3" },
	{ "quota", "build/bpf/quota.bpf.o", "" },
	{ "memadvise", "build/bpf/memadvise.bpf.o", "" },
	{ "strictmap", "build/bpf/strictmap.bpf.o", "" },
	{ "workers", "build/bpf/workers.bpf.o", "--set min_bytes=0" },
	{ "misbehave", "build/bpf/test/misbehave.bpf.o", "--set attach_value=-1" },
	{ "misbehave", "build/bpf/test/misbehave.bpf.o", "--set charge_value=-1" },
};
#define POLICIES	(sizeof(policies) / sizeof(*policies))

/* In the order in which they can all be unloaded. */
static const char *const modules[] = {
	"ioasid_pci", "ioasid_setcontainer", "ioasid_vfio", "ioasid", "ioasid_mdev",
};
#define MODULES	(sizeof(modules) / sizeof(*modules))
static const char *const devices[] = {
	"0000:00:06.0", "0000:00:05.0", "0000:01:01.0", "0000:01:02.0",
};

static long run(const char *command)
{
	int status = system(command);

	errno = EIO;
	return status ? -1 : 0;
}

static long put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	long done;

	if (fd < 0)
		return -1;
	done = write(fd, text, strlen(text));
	close(fd);
	return done < 0 ? -1 : 0;
}

void make_policy_load(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, POLICIES);
}

long run_policy_load(const uint64_t *a)
{
	size_t i = a[0] % POLICIES;
	char command[256];

	snprintf(command, sizeof(command), "build/bin/ioasidctl policy load %s %s >/dev/null 2>&1",
		 policies[i].object, policies[i].set);
	return run(command);
}

void make_policy_unload(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, POLICIES);
}

long run_policy_unload(const uint64_t *a)
{
	char command[256];

	snprintf(command, sizeof(command), "build/bin/ioasidctl policy unload %s >/dev/null 2>&1",
		 policies[a[0] % POLICIES].name);
	return run(command);
}

void make_rmmod(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, MODULES + 1);
}

/* Refused while it is in use. One more than there are: all, as far as it goes. */
long run_rmmod(const uint64_t *a)
{
	unsigned int which = a[0] % (MODULES + 1), i;
	long ret = 0;

	if (which < MODULES)
		return syscall(SYS_delete_module, modules[which], O_NONBLOCK);
	for (i = 0; i < MODULES - 1; i++)
		ret = syscall(SYS_delete_module, modules[i], O_NONBLOCK);
	return ret;
}

void make_insmod(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, MODULES);
}

long run_insmod(const uint64_t *a)
{
	const char *module = modules[a[0] % MODULES];
	struct utsname kernel;
	char path[256];

	uname(&kernel);
	snprintf(path, sizeof(path), strstr(module, "mdev") ? "build/tests/mdev/%s/%s.ko" :
		 "build/%s/%s.ko", kernel.release, module);
	return module_insert(path);
}

void make_unplug(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, 4);
}

/* Waits until no process has the device open: the program is still running. */
long run_unplug(const uint64_t *a)
{
	char path[128];

	snprintf(path, sizeof(path), SYS_PCI "devices/%s/remove", devices[a[0] % 4]);
	return put_text(path, "1");
}

void make_unbind(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, 4);
	a[1] = fuzz_below(rng, 2);
}

long run_unbind(const uint64_t *a)
{
	char path[128];

	snprintf(path, sizeof(path), SYS_PCI "drivers/%s/%s",
		 a[0] % 4 < 2 ? "vfio-pci" : "ioasid_pci", a[1] & 1 ? "bind" : "unbind");
	return put_text(path, devices[a[0] % 4]);
}

void make_parameter(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, 6);
	a[1] = fuzz_below(rng, 2);
}

long run_parameter(const uint64_t *a)
{
	static const struct {
		const char *path;
		const char *value[2];
	} parameters[] = {
		{ "/sys/module/ioasid/parameters/iommu_map", { "N", "Y" } },
		{ "/sys/module/ioasid/parameters/disable_hugepages", { "N", "Y" } },
		{ "/sys/module/ioasid/parameters/dma_entry_limit", { "65535", "3" } },
		{ "/sys/module/ioasid_vfio/parameters/enabled", { "Y", "N" } },
		{ "/sys/module/ioasid/parameters/user_spaces", { "8192", "2" } },
		{ "/sys/module/ioasid/parameters/user_mappings", { "262144", "2" } },
	};

	return put_text(parameters[a[0] % 6].path, parameters[a[0] % 6].value[a[1] & 1]);
}

/* Memory that can move, moves. */
void make_reclaim(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, 2);
}

long run_reclaim(const uint64_t *a)
{
	return put_text(a[0] & 1 ? "/proc/sys/vm/drop_caches" : "/proc/sys/vm/compact_memory", "1");
}
