/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The in-kernel interface of ioasid.ko, exported in the namespace IOASID.
 *
 * An ioasid_space is one I/O address space: what a VFIO container was to
 * type1. Whoever holds a reference may map into it, and every attached group
 * sees the same mappings. All functions may sleep unless said otherwise.
 */
#ifndef _IOASID_IOASID_H
#define _IOASID_IOASID_H

#include <linux/types.h>

struct file;
struct iommu_domain;
struct iommu_group;
struct ioasid_access;
struct ioasid_space;
struct page;

/**
 * DOC: Context and locks
 *
 * Process context, and may sleep, where nothing else is said. No function is to
 * be called with a lock held that the caller's own unmap callback takes, but
 * ioasid_pin_pages(), ioasid_unpin_pages(), ioasid_read() and ioasid_write().
 * Those four, and no others, may be called by the callback.
 *
 * Who holds a reference on a space may call anything on it, also after it was
 * killed or freed: what maps, pins or copies fails then. An attached group and
 * an access end before the reference that they were made with.
 */

/* VFIO_TYPE1_NESTING_IOMMU, a name that newer kernels took back. */
#define IOASID_EXT_NESTING	6

/** enum ioasid_space_flags - how an address space lives */
enum ioasid_space_flags {
	/**
	 * @IOASID_SPACE_CONTAINER: the life cycle of a VFIO container. Mappings
	 * are pinned only while an IOMMU domain exists, and all of them go when
	 * the last group leaves. Without it memory is pinned when it is mapped,
	 * and mappings live as long as the address space.
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
 * until the last reference is gone.
 *
 * Return: the address space with one reference, or an ERR_PTR: -ENOMEM, -EDQUOT
 * (that user has as many as the parameter user_spaces allows), or a policy's.
 */
struct ioasid_space *ioasid_space_create(u32 flags);

/**
 * ioasid_space_from_file() - an address space of a /dev/ioasid file
 * @file: any open file; its reference stays with the caller
 * @id: its id on that file, 0 for the default one
 *
 * Return: the address space with a reference, or an ERR_PTR: -EINVAL (@file is
 * not a /dev/ioasid), -ENOENT (it has no such id). IOASID_FREE may still take
 * its life, until something is attached; attach answers -EINVAL then.
 */
struct ioasid_space *ioasid_space_from_file(struct file *file, u32 id);

/**
 * ioasid_space_join() - the default address space, for a group that comes to stay
 * @file: any open file; its reference stays with the caller
 *
 * From now on the default cannot be changed, and VFIO's ioctls on @file work
 * without VFIO_SET_IOMMU, which may still follow.
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
 * ioasid_space_number() - what tracepoints, ioasidctl and policies call it
 * @space: address space
 *
 * Context: any. Takes no lock.
 *
 * Return: its number in the whole system, used again after 2^32 others at the
 * earliest, and not while the space is there.
 */
u32 ioasid_space_number(const struct ioasid_space *space);

/**
 * ioasid_space_get() - take another reference
 * @space: address space, on which the caller has one
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
 * ioasid_detach_group(). Does not wait for calls in flight: a map that is
 * still pinning finds out at the latest before it would touch the IOMMU, and
 * unwinds by itself; a mapping that the CPU reads or writes leaves the page
 * tables at once, and is unpinned when that read or write ends.
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
 * @group: its DMA ownership is held by the caller, until after detach
 * @flags: enum ioasid_attach_flags
 *
 * Existing mappings are replayed into a new domain unless one that exists
 * fits. Also checks isolated MSI (parameter allow_unsafe_interrupts).
 *
 * Return: 0; -EINVAL (attached already, or the group's aperture or reserved
 * regions collide with a mapping), -EBUSY (a mapping waits for its new virtual
 * address), -EPERM (no isolated MSI, or a policy), -ENOMEM, or what the IOMMU
 * driver says.
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
 * The domain is as long as the group is attached; it may be another's, too, and
 * is not to be mapped by the caller.
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
 * Pages are pinned and charged to the caller before the IOMMU sees them; if
 * anything fails nothing stays pinned, mapped or charged. (After -EIO, when the
 * IOMMU driver neither wrote nor cleared what it was asked to, all of it may
 * stay, until it is unmapped.)
 *
 * Return: 0; -EOVERFLOW (wrap; for VFIO's ioctls what type1 says), -EINVAL
 * (alignment, outside the valid windows, or the space was torn down), -EEXIST
 * (overlap, also with a range still being mapped or unmapped), -ENOSPC
 * (dma_entry_limit), -EDQUOT (no rlimit bounds the mapping, and the creator of
 * @space has as many of those as the parameter user_mappings allows; with
 * IOASID_MAP_LEGACY -ENOSPC), -ENOMEM (RLIMIT_MEMLOCK or kernel memory), -EFAULT
 * (the memory cannot be pinned), -EINTR (killed), or what a policy or the IOMMU
 * driver says.
 */
int ioasid_map(struct ioasid_space *space, u64 iova, u64 vaddr, u64 length, u32 flags);

/**
 * ioasid_unmap() - unmap whole mappings
 * @space: address space
 * @iova: first address
 * @length: bytes
 * @flags: IOASID_UNMAP_ALL (then @iova and @length are 0), IOASID_UNMAP_V1,
 *	IOASID_UNMAP_VADDR (DMA goes on; only the virtual addresses become
 *	invalid, until each mapping gets a new one)
 * @unmapped: bytes unmapped, written also when it fails
 *
 * Waits, killably, for maps, unmaps, reads and writes that were in flight in the
 * range when it began; reads, writes and pins that begin meanwhile wait for it.
 * Afterwards no device reaches the pages, and they are unpinned and uncharged. A
 * range in which nothing is mapped is no error.
 *
 * Return: 0; -EINVAL (alignment, wrap, the range cuts a mapping in two, or the
 * space was torn down), -EBUSY (an in-kernel user keeps its pins, or has to do
 * with VADDR), -EINTR (killed while waiting), -EIO (the IOMMU driver unmapped
 * less than asked; the pages stay pinned).
 */
int ioasid_unmap(struct ioasid_space *space, u64 iova, u64 length, u32 flags, u64 *unmapped);

/**
 * struct ioasid_access_ops - callbacks of an in-kernel user
 */
struct ioasid_access_ops {
	/**
	 * @unmap: A mapping in which some access holds pins is about to go:
	 * unpin everything within the range before returning. Called by
	 * whoever unmaps, in process context, one call at a time, without
	 * locks that pin, unpin or rw take. It may come more than once for a
	 * range, and for one in which this user has nothing.
	 */
	void (*unmap)(void *data, u64 iova, u64 length);
};

/**
 * ioasid_access_create() - register an in-kernel user (a software device)
 * @space: address space, of which the access keeps a reference
 * @ops: callbacks, may be NULL for a user that only reads and writes
 * @data: for @ops
 *
 * Return: the access or an ERR_PTR: -ENOMEM.
 */
struct ioasid_access *ioasid_access_create(struct ioasid_space *space,
					   const struct ioasid_access_ops *ops, void *data);

/**
 * ioasid_access_destroy() - unregister
 * @access: from ioasid_access_create(); its pins were dropped before
 *
 * Waits for a callback that runs, so not to be called by one. None runs
 * afterwards.
 */
void ioasid_access_destroy(struct ioasid_access *access);

/**
 * ioasid_pin_pages() - pin mapped pages for access by the CPU or a software device
 * @space: address space; somebody must be registered with an unmap callback
 * @iova: an address in the first page
 * @npages: 1 or more
 * @prot: IOMMU_READ, IOMMU_WRITE: what the caller will do
 * @pages: filled in; the same page may be pinned several times
 *
 * Return: @npages; -EINVAL (not mapped, no struct page behind it, or nobody
 * registered), -EPERM (the mapping does not allow @prot), -EBUSY (waits for its
 * new virtual address), -ENODEV (the owner's memory is gone), -ENOMEM
 * (RLIMIT_MEMLOCK), -EFAULT, -EINTR. After an error nothing is pinned.
 */
int ioasid_pin_pages(struct ioasid_space *space, u64 iova, int npages, int prot,
		     struct page **pages);

/**
 * ioasid_group_reports_dirty() - a group's driver pins what it lets its device write
 * @space: address space
 * @group: attached group
 *
 * From now on dirty tracking need not take all of memory for dirty because of
 * this group.
 */
void ioasid_group_reports_dirty(struct ioasid_space *space, struct iommu_group *group);

/**
 * ioasid_unpin_pages() - drop one pin of each page
 * @space: address space
 * @iova: an address in the first page
 * @npages: how many; those that are not pinned are ignored
 *
 * A page whose last pin goes, and that no domain has, is unpinned and uncharged.
 */
void ioasid_unpin_pages(struct ioasid_space *space, u64 iova, int npages);

/**
 * ioasid_read() - copy from mapped memory, also from a kernel thread
 * @space: address space
 * @iova: first address, any alignment
 * @buf: kernel memory
 * @len: bytes; may cross from one mapping into the next
 *
 * The caller is the owner of the memory, or a kernel thread that has no memory
 * of its own or borrowed at this moment. The memory of a file is for every task.
 *
 * Return: 0; -EINVAL (a hole), -EPERM (no read access, or the owner's memory
 * is gone), -EFAULT (also another caller than those), -EBUSY, -EINTR.
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
 * @last: of its last
 *
 * Device memory stays where it is mapped when the device is closed, and devices
 * of that address space go on reaching it. Who hands out a device asks this for
 * each BAR, when nobody has the device open any more: what was mapped before is
 * known then, and nobody but the next owner can map it again.
 *
 * Context: any that may take a spinlock.
 *
 * Return: whether any address space, of whatever owner, has a page of it, or an
 * IOMMU failed to let go of one.
 */
bool ioasid_device_memory_mapped(phys_addr_t start, phys_addr_t last);

/**
 * ioasid_vfio_ioctl() - answer one VFIO container ioctl
 * @space: address space, or NULL before VFIO_SET_IOMMU
 * @v2: VFIO_TYPE1v2_IOMMU was chosen
 * @cmd: ioctl number
 * @arg: its argument
 *
 * Return: what vfio_iommu_type1 of this kernel returns.
 */
long ioasid_vfio_ioctl(struct ioasid_space *space, bool v2, unsigned int cmd, unsigned long arg);

#endif /* _IOASID_IOASID_H */
