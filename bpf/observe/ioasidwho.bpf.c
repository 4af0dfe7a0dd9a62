// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidwho - every open file of VFIO and of ioasid, with the IOMMU driver that
 * answers for a container, for the tool of that name and for 'ioasidctl doctor'.
 * An iterator over the files of all processes, which writes text, so that it
 * needs no loader of its own:
 *
 *   bpftool iter pin ioasidwho.bpf.o /sys/fs/bpf/who
 *   cat /sys/fs/bpf/who
 *   rm /sys/fs/bpf/who
 *
 * A line is: pid fd kind backend object group container comm. Objects and
 * containers are numbers that tell them apart, and 0 where there is none. The process
 * chose its comm: what could end the line, or steer a terminal, is an octal number, \012.
 *
 * Cost: nothing but when it is read; then some 100 instructions an open file.
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

#define MISC_MAJOR	10
#define MAJOR_SHIFT	20

/* Of the kernel's structs, as in kernel.bpf.h, and of those that belong to vfio.ko. */
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
struct kobject___read {
	const char *name;
};

struct device___read {
	struct kobject___read kobj;
};

struct iommu_group___read {
	int id;
};

struct module___read {
	char name[16];
};

struct file_operations___read {
	struct module___read *owner;
};

struct inode___read {
	__u32 i_rdev;
};

struct file___read {
	const struct file_operations___read *f_op;
	void *private_data;
	struct inode___read *f_inode;
};

struct bpf_iter_meta___read {
	void *seq;
};

struct bpf_iter__task_file___read {
	struct bpf_iter_meta___read *meta;
	struct task_struct___read *task;
	__u32 fd;
	struct file___read *file;
};

struct vfio_iommu_driver_ops {
	char *name;
};

struct vfio_iommu_driver {
	const struct vfio_iommu_driver_ops *ops;
};

struct vfio_container {
	struct vfio_iommu_driver *iommu_driver;
	bool noiommu;
};

struct vfio_group {
	struct iommu_group___read *iommu_group;
	struct vfio_container *container;
};

struct vfio_device {
	struct device___read *dev;
};

struct vfio_device_file {
	struct vfio_device *device;
	struct vfio_group *group;
};
#pragma clang attribute pop

/* Two pointers are the same object if these names are equal, which hide addresses. */
static __always_inline __u64 name_of(const void *p)
{
	return ((__u64)p >> 4) * 0x9e3779b97f4a7c15ULL >> 16;
}

static __always_inline int is_module(const char *owner, const char *name, __u32 length)
{
	for (__u32 i = 0; i < length; i++)
		if (owner[i] != name[i])
			return 0;
	return 1;
}

#define IS(owner, name) is_module(owner, name, sizeof(name))

static __always_inline void backend_of(const struct vfio_container *c, char *name, __u32 size)
{
	struct vfio_iommu_driver *driver;
	const char *from;

	__builtin_memcpy(name, "none", 5);
	if (!bpf_core_field_exists(c->iommu_driver))
		return;
	driver = BPF_CORE_READ(c, iommu_driver);
	if (!driver)
		return;
	from = BPF_CORE_READ(driver, ops, name);
	bpf_probe_read_kernel_str(name, size, from);
}

#define COMM_LEN	16

struct comm {
	char is[COMM_LEN];
	char shown[4 * COMM_LEN];
};

/*
 * Each byte that is not a letter, or its like, as three octal digits: 61 bytes at most. A global
 * function: the verifier goes through it once, not in each place that shows a file.
 */
__noinline int escape(struct comm *comm)
{
	__u32 at = 0;

	if (!comm)
		return 0;
	for (__u32 i = 0; i < COMM_LEN - 1 && comm->is[i]; i++) {
		__u8 c = (__u8)comm->is[i];

		if (c > ' ' && c < 0x7f && c != '\\') {
			comm->shown[clamp_index(at++, 4 * COMM_LEN)] = (char)c;
			continue;
		}
		comm->shown[clamp_index(at++, 4 * COMM_LEN)] = '\\';
		comm->shown[clamp_index(at++, 4 * COMM_LEN)] = (char)('0' + (c >> 6));
		comm->shown[clamp_index(at++, 4 * COMM_LEN)] = (char)('0' + (c >> 3 & 7));
		comm->shown[clamp_index(at++, 4 * COMM_LEN)] = (char)('0' + (c & 7));
	}
	return (int)at;
}

static __always_inline void show(struct bpf_iter__task_file___read *it, const char *kind,
				 const char *backend, __u64 object, int group, __u64 container)
{
	struct task_struct___read *task = it->task;
	struct comm comm = {};

	/* The verifier wants to see this where the task is used. */
	if (!task)
		return;
	bpf_probe_read_kernel_str(comm.is, sizeof(comm.is), task->comm);
	escape(&comm);
	BPF_SEQ_PRINTF(it->meta->seq, "%d %d %s %s 0x%llx %d 0x%llx %s\n", task->tgid, it->fd, kind,
		       backend, object, group, container, comm.shown);
}

static __always_inline void show_group(struct bpf_iter__task_file___read *it, struct vfio_group *g)
{
	struct vfio_container *container = NULL;
	int id = -1;

	if (bpf_core_field_exists(g->iommu_group))
		id = BPF_CORE_READ(g, iommu_group, id);
	if (bpf_core_field_exists(g->container))
		container = BPF_CORE_READ(g, container);
	show(it, "group", "-", name_of(g), id, container ? name_of(container) : 0);
}

/* A device's backend is its name, such as 0000:01:00.0. */
static __always_inline void show_device(struct bpf_iter__task_file___read *it,
					struct vfio_device_file *df)
{
	struct vfio_container *container = NULL;
	struct vfio_group *group = NULL;
	char name[24] = "-";
	int id = -1;

	if (bpf_core_field_exists(df->device))
		bpf_probe_read_kernel_str(name, sizeof(name),
					  BPF_CORE_READ(df, device, dev, kobj.name));
	if (bpf_core_field_exists(df->group))
		group = BPF_CORE_READ(df, group);
	if (group && bpf_core_field_exists(group->container)) {
		id = BPF_CORE_READ(group, iommu_group, id);
		container = BPF_CORE_READ(group, container);
	}
	show(it, "device", name, name_of(df), id, container ? name_of(container) : 0);
}

SEC("iter/task_file")
int ioasidwho(struct bpf_iter__task_file___read *it)
{
	struct file___read *file = it->file;
	char owner[16] = {}, backend[24] = {};
	struct module___read *module;
	void *private;
	__u32 rdev;

	if (!file)
		return 0;
	module = BPF_CORE_READ(file, f_op, owner);
	if (!module)
		return 0;
	bpf_probe_read_kernel_str(owner, sizeof(owner), module->name);
	private = file->private_data;
	rdev = BPF_CORE_READ(file, f_inode, i_rdev);
	if (IS(owner, "ioasid")) {
		show(it, "ioasid", "ioasid", name_of(private), -1, 0);
	} else if (IS(owner, "ioasid_pci")) {
		show(it, "device", "ioasid", name_of(private), -1, 0);
	} else if (!IS(owner, "vfio")) {
		return 0;
	} else if (rdev >> MAJOR_SHIFT == MISC_MAJOR) {
		backend_of(private, backend, sizeof(backend));
		show(it, "container", backend, name_of(private), -1, name_of(private));
	} else if (rdev) {
		show_group(it, private);
	} else {
		show_device(it, private);
	}
	return 0;
}
