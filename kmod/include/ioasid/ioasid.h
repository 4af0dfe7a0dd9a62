/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The in-kernel interface of ioasid.ko, exported in the namespace IOASID.
 *
 * An ioasid_space is one I/O address space, as a VFIO container is for type1. A caller
 * with a reference may map into it, and every attached group sees the same mappings. All
 * functions may sleep unless said otherwise.
 */
#ifndef _IOASID_IOASID_H
#define _IOASID_IOASID_H

#include <linux/types.h>

struct file;
struct iommu_domain;
struct iommu_group;
struct ioasid_access;
struct ioasid_device_memory;
struct ioasid_space;
struct page;

/**
 * DOC: Context and locks
 *
 * Unless said otherwise, functions are called in process context and may sleep. Do not
 * call them with a lock held that the caller's own unmap callback takes. Exceptions are
 * ioasid_pin_pages(), ioasid_unpin_pages(), ioasid_read() and ioasid_write(); those four,
 * and no others, may also be called by the callback.
 *
 * A caller with a reference on a space may call every function on it, also after it was
 * killed or freed: then a map, a pin and a copy fail. Detach a group and destroy an
 * access before you drop the reference that they were made with.
 */

/* VFIO_TYPE1_NESTING_IOMMU, a name that newer kernels took back. */
#define IOASID_EXT_NESTING	6

/** enum ioasid_space_flags - how an address space lives */
enum ioasid_space_flags {
	/**
	 * @IOASID_SPACE_CONTAINER: the life cycle of a VFIO container. Mappings
	 * are pinned only while an IOMMU domain exists, and all of them are removed
	 * when the last group leaves. Without the flag memory is pinned when it is
	 * mapped, and mappings stay as long as the address space.
	 */
	IOASID_SPACE_CONTAINER		= 1 << 0,
	/**
	 * @IOASID_SPACE_NESTING: VFIO_TYPE1_NESTING_IOMMU, where the kernel still
	 * has it. A group whose IOMMU cannot nest is refused.
	 */
	IOASID_SPACE_NESTING		= 1 << 1,
};

/**
 * ioasid_space_create() - a new, empty address space
 * @flags: enum ioasid_space_flags
 *
 * Without IOASID_SPACE_CONTAINER it counts for the real user of the calling task
 * until the last reference is dropped.
 *
 * Return: the address space with one reference, or an ERR_PTR: -ENOMEM, -EDQUOT
 * (that user has as many as the parameter user_spaces allows), or a policy's errno.
 */
struct ioasid_space *ioasid_space_create(u32 flags);

/**
 * ioasid_space_from_file() - an address space of a /dev/ioasid file
 * @file: any open file; its reference stays with the caller
 * @id: its id on that file, 0 for the default one
 *
 * Return: the address space with a reference, or an ERR_PTR: -EINVAL (@file is
 * not a /dev/ioasid), -ENOENT (it has no such id). Until a group is attached, IOASID_FREE
 * may still end the address space; then ioasid_attach_group() returns -EINVAL.
 */
struct ioasid_space *ioasid_space_from_file(struct file *file, u32 id);

/**
 * ioasid_space_join() - the default address space, to attach a group to it
 * @file: any open file; its reference stays with the caller
 *
 * Fixes the default address space of @file. From now on VFIO's ioctls on @file work
 * without VFIO_SET_IOMMU, which is still allowed.
 *
 * Return: the address space with a reference, or ERR_PTR(-EINVAL): @file is not
 * a /dev/ioasid.
 */
struct ioasid_space *ioasid_space_join(struct file *file);

/**
 * ioasid_file_is_ours() - is it an open /dev/ioasid
 * @file: any open file
 *
 * Context: any. Takes no lock.
 *
 * Return: true if it is.
 */
bool ioasid_file_is_ours(const struct file *file);

/**
 * ioasid_space_number() - the number of a space in trace events, ioasidctl and policies
 * @space: address space
 *
 * Context: any. Takes no lock.
 *
 * Return: its number in the whole system. A number is used again only after 2^32 others,
 * and never while its space exists.
 */
u32 ioasid_space_number(const struct ioasid_space *space);

/**
 * ioasid_space_get() - take another reference
 * @space: address space, on which the caller has a reference
 *
 * Context: any. Takes no lock.
 */
void ioasid_space_get(struct ioasid_space *space);

/**
 * ioasid_space_put() - drop a reference
 * @space: address space
 *
 * The last one removes every mapping. Groups must have been detached before.
 */
void ioasid_space_put(struct ioasid_space *space);

/**
 * ioasid_space_kill() - fail every later call and every map in flight
 * @space: address space
 *
 * Removes all mappings. Groups stay attached, with nothing mapped, until
 * ioasid_detach_group(). Does not wait for calls in flight. A map that is still pinning
 * checks for the kill before it touches the IOMMU, and unwinds by itself. A mapping that
 * the CPU reads or writes is cleared from the page tables at once, and unpinned when
 * that read or write ends.
 */
void ioasid_space_kill(struct ioasid_space *space);

/** enum ioasid_attach_flags - for ioasid_attach_group() */
enum ioasid_attach_flags {
	/** @IOASID_ATTACH_EMULATED: a software device, no IOMMU behind it */
	IOASID_ATTACH_EMULATED	= 1 << 0,
	/**
	 * @IOASID_ATTACH_SEAL: do not fail when a policy refuses, nor for any
	 * other reason while a policy is loaded. The group is recorded without
	 * a domain, its DMA stays blocked by its owner, and every map into the
	 * space fails with the errno that attach would have returned.
	 */
	IOASID_ATTACH_SEAL	= 1 << 1,
};

/**
 * ioasid_attach_group() - let a group of devices do DMA through @space
 * @space: address space
 * @group: the caller owns its DMA, until after the detach
 * @flags: enum ioasid_attach_flags
 *
 * Replays existing mappings into a new domain, unless an existing domain fits. Also
 * checks for isolated MSIs (parameter allow_unsafe_interrupts).
 *
 * Return: 0; -EINVAL (attached already, or the group's aperture or reserved
 * regions collide with a mapping), -EBUSY (a mapping waits for its new virtual
 * address), -EPERM (no isolated MSI, or a policy), -ENOMEM, or what the IOMMU
 * driver returns.
 */
int ioasid_attach_group(struct ioasid_space *space, struct iommu_group *group, u32 flags);

/**
 * ioasid_detach_group() - undo ioasid_attach_group()
 * @space: address space
 * @group: ignored if it is not attached
 *
 * Never fails and never waits for user space or for a policy. The device's
 * DMA is blocked when it returns.
 */
void ioasid_detach_group(struct ioasid_space *space, struct iommu_group *group);

/**
 * ioasid_group_domain() - the domain of an attached group
 * @space: address space
 * @group: group
 *
 * The domain exists as long as the group is attached. Other groups may share it, and the
 * caller must not map into it.
 *
 * Return: the domain, or ERR_PTR(-ENODEV): the group is not attached, or has no
 * IOMMU.
 */
struct iommu_domain *ioasid_group_domain(struct ioasid_space *space, struct iommu_group *group);

/**
 * ioasid_map() - map memory of the calling process
 * @space: address space
 * @iova: first address, aligned to the smallest IOMMU page
 * @vaddr: first address in current->mm
 * @length: bytes
 * @flags: IOASID_MAP_READ, _WRITE, _LEGACY
 *
 * Pages are pinned and charged to the caller before the IOMMU sees them. After an error
 * nothing is pinned, mapped or charged. -EIO is the exception: the IOMMU driver failed
 * to write entries and then to clear them, so the mapping stays until it is unmapped.
 *
 * Return: 0; -EOVERFLOW (wrap; for VFIO's ioctls the errno of type1), -EINVAL
 * (alignment, outside the valid windows, or the space was torn down), -EEXIST
 * (overlap, also with a range still being mapped or unmapped), -ENOSPC
 * (dma_entry_limit), -EDQUOT (no rlimit bounds the mapping, and the creator of
 * @space has as many of those as the parameter user_mappings allows; with
 * IOASID_MAP_LEGACY -ENOSPC), -ENOMEM (RLIMIT_MEMLOCK or kernel memory), -EFAULT
 * (the memory cannot be pinned), -EINTR (killed), or the errno of a policy or of the
 * IOMMU driver.
 */
int ioasid_map(struct ioasid_space *space, u64 iova, u64 vaddr, u64 length, u32 flags);

/**
 * struct ioasid_device_range - memory of a device that is to be mapped
 * @memory: of which it is a part; the caller has a reference
 * @file: the open file by which the caller has the right to it
 * @offset: where it is in @file: trace events, policies and ioasidctl show it as the address
 * @start: physical address of its first byte, aligned to PAGE_SIZE
 */
struct ioasid_device_range {
	struct ioasid_device_memory *memory;
	struct file *file;
	u64 offset;
	phys_addr_t start;
};

/**
 * ioasid_map_device() - map memory of a device whose driver says when it must not be reached
 * @space: address space
 * @range: where it begins; stays the caller's, and is not used after the call
 * @iova: first address, or with IOASID_MAP_ANYWHERE where the one that is chosen is written
 * @length: bytes, aligned to PAGE_SIZE; the driver has all of it
 * @flags: IOASID_MAP_READ, _WRITE, _ANYWHERE
 *
 * Nothing is charged, and the mapping belongs to no process. It stays until it is unmapped; while
 * there is a reason against it (ioasid_device_memory_off()), the IOMMU does not have it.
 *
 * Context: the caller holds no lock that it holds over ioasid_device_memory_off(), _on()
 * or _end().
 *
 * Return: as ioasid_map(), and -EFAULT: there is such a reason now.
 */
int ioasid_map_device(struct ioasid_space *space, const struct ioasid_device_range *range,
		      u64 *iova, u64 length, u32 flags);

/**
 * ioasid_unmap() - unmap whole mappings
 * @space: address space
 * @iova: first address
 * @length: bytes
 * @flags: IOASID_UNMAP_ALL (then @iova and @length are 0), IOASID_UNMAP_V1,
 *	IOASID_UNMAP_VADDR (DMA goes on; only the virtual addresses become
 *	invalid, until each mapping gets a new one), IOASID_UNMAP_SPLIT (of a /dev/ioasid;
 *	the range may cut mappings, see struct ioasid_unmap_dma)
 * @unmapped: bytes unmapped, written also when it fails
 *
 * Waits, killably, for maps, unmaps, reads and writes in flight in the range when the
 * call begins; later reads, writes and pins wait for the call. When it returns, no device
 * reaches the pages, and they are unpinned and uncharged. A range in which nothing is
 * mapped is no error.
 *
 * Return: 0; -EINVAL (alignment, wrap, the range cuts a mapping in two, or the
 * space was torn down), -EBUSY (an in-kernel user keeps its pins; with VADDR: a
 * software device is attached), -EINTR (killed while waiting), -EIO (the
 * IOMMU driver cleared less than requested; the pages stay pinned).
 */
int ioasid_unmap(struct ioasid_space *space, u64 iova, u64 length, u32 flags, u64 *unmapped);

/**
 * struct ioasid_access_ops - callbacks of an in-kernel user
 */
struct ioasid_access_ops {
	/**
	 * @unmap: A mapping with pins of in-kernel users is to be unmapped: unpin
	 * all pages in the range before you return. The unmapping task calls it,
	 * in process context, one call at a time, without the locks that pin,
	 * unpin, read and write take. It may be called more than once for a range,
	 * and for a range in which this user has no pins.
	 */
	void (*unmap)(void *data, u64 iova, u64 length);
};

/**
 * ioasid_access_create() - register an in-kernel user (a software device)
 * @space: address space; the access keeps a reference on it
 * @ops: callbacks, may be NULL for a user that only reads and writes
 * @data: for @ops
 *
 * Return: the access or an ERR_PTR: -ENOMEM.
 */
struct ioasid_access *ioasid_access_create(struct ioasid_space *space,
					   const struct ioasid_access_ops *ops, void *data);

/**
 * ioasid_access_destroy() - unregister
 * @access: from ioasid_access_create(); the caller has dropped its pins
 *
 * Waits for a running callback, so a callback must not call it. No callback runs
 * afterwards.
 */
void ioasid_access_destroy(struct ioasid_access *access);

/**
 * ioasid_pin_pages() - pin mapped pages for access by the CPU or a software device
 * @space: address space; an access with an unmap callback must be registered
 * @iova: an address in the first page
 * @npages: 1 or more
 * @prot: IOMMU_READ, IOMMU_WRITE: what the caller will do
 * @pages: filled in; the same page may be pinned several times
 *
 * Return: @npages; -EINVAL (not mapped, a hole of a mapping, no struct page behind it, or
 * no access with a callback), -EPERM (the mapping does not allow @prot), -EBUSY (it waits for its
 * new virtual address), -ENODEV (the owner's memory is gone), -ENOMEM
 * (RLIMIT_MEMLOCK), -EFAULT, -EINTR. After an error nothing is pinned.
 */
int ioasid_pin_pages(struct ioasid_space *space, u64 iova, int npages, int prot,
		     struct page **pages);

/**
 * ioasid_group_reports_dirty() - the group's driver pins each page that its device writes
 * @space: address space
 * @group: attached group
 *
 * From now on dirty tracking reports what the driver pins, instead of all memory, for
 * this group.
 */
void ioasid_group_reports_dirty(struct ioasid_space *space, struct iommu_group *group);

/**
 * ioasid_unpin_pages() - drop one pin of each page
 * @space: address space
 * @iova: an address in the first page
 * @npages: how many; those that are not pinned are ignored
 *
 * A page without a pin left, which is in no domain, is unpinned and uncharged.
 */
void ioasid_unpin_pages(struct ioasid_space *space, u64 iova, int npages);

/**
 * ioasid_read() - copy from mapped memory, also from a kernel thread
 * @space: address space
 * @iova: first address, any alignment
 * @buf: kernel memory
 * @len: bytes; may cross from one mapping into the next
 *
 * The caller is the owner of the memory, or a kernel thread that has no mm of its own
 * and has borrowed none. Every task may read the memory of a file.
 *
 * Return: 0; -EINVAL (not mapped, or a hole of a mapping), -EPERM (no read access, or the owner's memory
 * is gone), -EFAULT (also for any other caller), -EBUSY, -EINTR.
 */
int ioasid_read(struct ioasid_space *space, u64 iova, void *buf, size_t len);

/**
 * ioasid_write() - copy to mapped memory; otherwise as ioasid_read()
 * @space: address space
 * @iova: first address, any alignment
 * @buf: kernel memory
 * @len: bytes
 *
 * A mapping must allow both read and write, which is type1's rule.
 *
 * Return: as ioasid_read().
 */
int ioasid_write(struct ioasid_space *space, u64 iova, const void *buf, size_t len);

/**
 * ioasid_device_memory_mapped() - is device memory in an address space?
 * @start: physical address of its first byte
 * @last: physical address of its last byte
 *
 * Device memory stays mapped when its device is closed, and the devices of that address
 * space still reach it. A driver that gives a device to a new owner asks this for each
 * BAR, when no file has the device open: all mappings are known then, and only the next
 * owner can make new ones.
 *
 * Context: any that may take a spinlock.
 *
 * Return: true if an address space has a page of it mapped, or an IOMMU failed to clear
 * one.
 */
bool ioasid_device_memory_mapped(phys_addr_t start, phys_addr_t last);

/**
 * ioasid_device_memory_new() - the memory of a device, for ioasid_map_device()
 * @off: reasons why no IOMMU may have it now, bits whose meaning is the driver's
 *
 * Return: it with one reference, or ERR_PTR(-ENOMEM).
 */
struct ioasid_device_memory *ioasid_device_memory_new(u32 off);

/**
 * ioasid_device_memory_put() - drop the driver's reference
 * @m: after ioasid_device_memory_end(); mappings of it may be left, and keep what they need
 */
void ioasid_device_memory_put(struct ioasid_device_memory *m);

/**
 * ioasid_device_memory_off() - the device memory must not be reached
 * @m: device memory
 * @why: reasons, one bit each
 *
 * When it returns, no IOMMU has any of it, and IOTLBs are flushed; the mappings stay. (If an IOMMU
 * driver clears less than requested, the event ioasid_revoke has -EIO, and
 * ioasid_device_memory_mapped() is true.) Maps of it fail.
 *
 * Context: may sleep, allocates nothing, and waits neither for user space nor for a lock of an
 * address space. So a lock that page faults of the device's memory take may be held.
 */
void ioasid_device_memory_off(struct ioasid_device_memory *m, u32 why);

/**
 * ioasid_device_memory_on() - reasons have gone
 * @m: device memory
 * @why: those reasons
 *
 * With the last one, IOMMUs have again what is mapped of it, when the function returns. Where
 * there is no memory for page tables at that moment it takes longer: it is tried again, after 20 ms first,
 * and once a second at last.
 *
 * Context: as ioasid_device_memory_off().
 */
void ioasid_device_memory_on(struct ioasid_device_memory *m, u32 why);

/**
 * ioasid_device_memory_end() - ioasid_device_memory_off(), and what is mapped now does not come back
 * @m: device memory
 * @why: reasons; when they have gone, it can be mapped anew
 *
 * For a device that is closed, or taken from its owner.
 *
 * Context: as ioasid_device_memory_off().
 */
void ioasid_device_memory_end(struct ioasid_device_memory *m, u32 why);

/**
 * ioasid_vfio_ioctl() - answer one VFIO container ioctl
 * @space: address space, or NULL before VFIO_SET_IOMMU
 * @v2: VFIO_TYPE1v2_IOMMU was chosen
 * @cmd: ioctl number
 * @arg: its argument
 *
 * Return: the value that vfio_iommu_type1 of this kernel returns.
 */
long ioasid_vfio_ioctl(struct ioasid_space *space, bool v2, unsigned int cmd, unsigned long arg);

#endif /* _IOASID_IOASID_H */
