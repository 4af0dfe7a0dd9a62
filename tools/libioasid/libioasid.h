/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libioasid: the calls of /dev/ioasid as functions, and the three ways to get
 * a device that does DMA through one of its address spaces.
 *
 * Functions return 0 or a negative errno, whose meaning <linux/ioasid.h> tells
 * at each structure; those that return an fd return it or a negative errno.
 * All are safe in several threads at once. Nothing is allocated or kept but
 * where it is said.
 *
 * Structures grow at their end in later versions. So a function that writes to a
 * structure of the program, or walks an array of them, takes the size that the
 * program knows: its name ends with _sized, and an inline function without that
 * passes sizeof. A library that knows more members leaves those alone, and one that
 * knows fewer sets the rest to 0. struct ioasid_iova_range never grows.
 */
#ifndef LIBIOASID_H
#define LIBIOASID_H

#include <stddef.h>
#include <stdint.h>

#include <linux/ioasid.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- address spaces --- */

/** ioasid_open() - open /dev/ioasid; its first address space has id 1 and is the default */
int ioasid_open(void);

/** ioasid_alloc() - a new address space, whose id is stored in @id */
int ioasid_alloc(int fd, uint32_t *id);

/** ioasid_free() - the end of an address space that nothing uses */
int ioasid_free(int fd, uint32_t id);

/** ioasid_set_default() - choose the one that VFIO's ioctls act on and containers join */
int ioasid_set_default(int fd, uint32_t id);

/** ioasid_get_default() - store in @id which one that is */
int ioasid_get_default(int fd, uint32_t *id);

/** ioasid_info_sized() - fill in @info, which has @size bytes; -EINVAL when those are too few */
int ioasid_info_sized(int fd, uint32_t id, struct ioasid_get_info *info, size_t size);

/** ioasid_info() - fill in @info */
static inline int ioasid_info(int fd, uint32_t id, struct ioasid_get_info *info)
{
	return ioasid_info_sized(fd, id, info, sizeof(*info));
}

/**
 * ioasid_ranges() - where mapping is possible
 * @fd: open /dev/ioasid
 * @id: address space, 0 for the default one
 * @ranges: set to an array, to be released with free()
 * @nr: set to its length
 *
 * Return: 0 or a negative errno.
 */
int ioasid_ranges(int fd, uint32_t id, struct ioasid_iova_range **ranges, uint32_t *nr);

/** ioasid_allow() - ranges that must stay possible; @nr 0 takes them back */
int ioasid_allow(int fd, uint32_t id, const struct ioasid_iova_range *ranges, uint32_t nr);

/** ioasid_set_option() - enum ioasid_option_id */
int ioasid_set_option(int fd, uint32_t id, uint32_t option, uint64_t value);

/** ioasid_get_option() - store its value in @value */
int ioasid_get_option(int fd, uint32_t id, uint32_t option, uint64_t *value);

/** ioasid_change_owner() - charge the caller for what is mapped, instead of its former owner */
int ioasid_change_owner(int fd, uint32_t id);

/** ioasid_check_extension() - VFIO_CHECK_EXTENSION: a positive number if @fd knows it, or 0 */
int ioasid_check_extension(int fd, unsigned long extension);

/** ioasid_set_type() - VFIO_SET_IOMMU: allow VFIO's ioctls on @fd, by the rules of type 1 or 3 */
int ioasid_set_type(int fd, unsigned long type);

/* --- mapping --- */

/**
 * ioasid_map() - map memory of the caller
 * @fd: open /dev/ioasid
 * @id: address space, 0 for the default one
 * @mem: first byte, aligned to a page
 * @length: bytes, whole pages
 * @flags: IOASID_MAP_FLAG_*
 * @iova: with FIXED_IOVA the address; set to where it is mapped
 *
 * Return: 0 or a negative errno.
 */
int ioasid_map(int fd, uint32_t id, const void *mem, uint64_t length, uint32_t flags,
	       uint64_t *iova);

/**
 * ioasid_map_parallel() - the same, with up to @workers threads that help; 0: the kernel decides
 *
 * For mappings of hundreds of MiB; see struct ioasid_map_dma.
 */
int ioasid_map_parallel(int fd, uint32_t id, const void *mem, uint64_t length, uint32_t flags,
			uint32_t workers, uint64_t *iova);

/**
 * ioasid_map_sparse() - map what is there of a range of the caller's memory
 * @fd: open /dev/ioasid
 * @id: address space, 0 for the default one
 * @mem: first byte of the range, aligned to a page
 * @length: bytes, whole pages
 * @flags: IOASID_MAP_FLAG_*
 * @iova: as of ioasid_map()
 * @holes: where the holes are to be stored, by rising address; NULL: they are counted only
 * @nr: for how many there is room; set to how many there are, also after -EMSGSIZE
 *
 * One mapping of all of the range, in which devices cannot reach the holes.
 *
 * Return: 0 or a negative errno; -EMSGSIZE when there are more than @nr, and nothing is mapped.
 */
int ioasid_map_sparse(int fd, uint32_t id, const void *mem, uint64_t length, uint32_t flags,
		      uint64_t *iova, struct ioasid_iova_range *holes, uint32_t *nr);

/** ioasid_map_file() - map @length bytes from @start of a memfd, tmpfs or hugetlbfs @file */
int ioasid_map_file(int fd, uint32_t id, int file, uint64_t start, uint64_t length,
		    uint32_t flags, uint64_t *iova);

/** ioasid_copy() - map in @dst what @src has at @src_iova, pinned and charged once for both */
int ioasid_copy(int fd, uint32_t dst, uint32_t src, uint64_t src_iova, uint64_t length,
		uint32_t flags, uint64_t *iova);

/** ioasid_unmap() - remove whole mappings; @unmapped, unless NULL, is set to their bytes */
int ioasid_unmap(int fd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *unmapped);

/**
 * ioasid_unmap_split() - the same, also of parts of mappings; @unmapped as above
 *
 * The rest of a mapping stays, and DMA to it goes on. Return: 0 or a negative errno; -ERANGE
 * where an entry of the IOMMU's page table would have to be cut, see struct ioasid_unmap_dma.
 */
int ioasid_unmap_split(int fd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *unmapped);

/** ioasid_unmap_all() - remove all; @unmapped as above */
int ioasid_unmap_all(int fd, uint32_t id, uint64_t *unmapped);

/**
 * ioasid_map_batch_sized() - map many, in order
 * @fd: open /dev/ioasid
 * @id: address space, 0 for the default one
 * @entries: what to map; out_iova of each is set
 * @entry_size: bytes of each
 * @nr: how many, any number
 * @done: set to how many were mapped, also on failure; the next one failed
 *
 * Return: 0 or a negative errno.
 */
int ioasid_map_batch_sized(int fd, uint32_t id, struct ioasid_map_entry *entries,
			   size_t entry_size, uint32_t nr, uint32_t *done);

/** ioasid_map_batch() - the same with entries as the program knows them */
static inline int ioasid_map_batch(int fd, uint32_t id, struct ioasid_map_entry *entries,
				   uint32_t nr, uint32_t *done)
{
	return ioasid_map_batch_sized(fd, id, entries, sizeof(*entries), nr, done);
}

/** ioasid_unmap_batch() - unmap many ranges, in order; @done as above, @unmapped may be NULL */
int ioasid_unmap_batch(int fd, uint32_t id, const struct ioasid_iova_range *ranges, uint32_t nr,
		       uint32_t *done, uint64_t *unmapped);

/* --- dirty tracking --- */

/** ioasid_dirty_start() - begin to track what devices write */
int ioasid_dirty_start(int fd, uint32_t id);

/** ioasid_dirty_stop() - end it, and forget */
int ioasid_dirty_stop(int fd, uint32_t id);

/**
 * ioasid_dirty_get() - which pages of a range were written
 * @fd: open /dev/ioasid
 * @id: address space, 0 for the default one
 * @iova: first address
 * @length: bytes
 * @bits: a bit for each page of the IOMMU, which is the lowest of out_pgsizes of
 *	IOASID_GET_INFO (4 KiB without a device); cleared by the caller
 * @size: bytes at @bits, whole words of 64 bits
 * @keep: report the same pages the next time
 *
 * Return: 0 or a negative errno.
 */
int ioasid_dirty_get(int fd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *bits,
		     uint64_t size, int keep);

/**
 * ioasid_unmap_dirty() - remove whole mappings, and say what was dirty at the end
 * @fd: open /dev/ioasid
 * @id: address space, 0 for the default one
 * @iova: first address
 * @length: bytes
 * @bits: as of ioasid_dirty_get()
 * @size: likewise
 * @unmapped: unless NULL, set to the bytes that were unmapped
 *
 * Return: 0 or a negative errno.
 */
int ioasid_unmap_dirty(int fd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *bits,
		       uint64_t size, uint64_t *unmapped);

/* --- devices --- */

/**
 * struct ioasid_device - a device that was opened by one of the ways
 * @fd: answers VFIO's device ioctls
 * @group: the VFIO group that is kept open, or -1
 * @container: the VFIO container, or -1
 */
struct ioasid_device {
	int fd;
	int group;
	int container;
};

/**
 * ioasid_device_by_container_sized() - through a stock VFIO container that joins @fd
 * @device: filled in
 * @size: bytes of it
 * @fd: open /dev/ioasid, whose default address space it is
 * @address: of a PCI device bound to vfio-pci, "0000:01:00.0"
 *
 * Needs ioasid_vfio.ko.
 *
 * Return: 0 or a negative errno.
 */
int ioasid_device_by_container_sized(struct ioasid_device *device, size_t size, int fd,
				     const char *address);

/** ioasid_device_by_container() - the same with a device as the program knows it */
static inline int ioasid_device_by_container(struct ioasid_device *device, int fd,
					     const char *address)
{
	return ioasid_device_by_container_sized(device, sizeof(*device), fd, address);
}

/**
 * ioasid_device_by_group_sized() - through a VFIO group whose container is @fd itself
 * @device: filled in
 * @size: bytes of it
 * @fd: open /dev/ioasid, whose default address space it is
 * @address: of a PCI device bound to vfio-pci
 *
 * Needs ioasid_setcontainer.ko; without it the answer is -EBADFD or -EINVAL.
 *
 * Return: 0 or a negative errno.
 */
int ioasid_device_by_group_sized(struct ioasid_device *device, size_t size, int fd,
				 const char *address);

/** ioasid_device_by_group() - the same with a device as the program knows it */
static inline int ioasid_device_by_group(struct ioasid_device *device, int fd, const char *address)
{
	return ioasid_device_by_group_sized(device, sizeof(*device), fd, address);
}

/**
 * ioasid_device_no_group_sized() - attach a device without a group
 * @device: filled in
 * @size: bytes of it
 * @fd: open /dev/ioasid
 * @id: address space, 0 for the default one
 * @address: of a PCI device bound to ioasid_pci
 *
 * Return: 0 or a negative errno.
 */
int ioasid_device_no_group_sized(struct ioasid_device *device, size_t size, int fd, uint32_t id,
				 const char *address);

/** ioasid_device_no_group() - the same with a device as the program knows it */
static inline int ioasid_device_no_group(struct ioasid_device *device, int fd, uint32_t id,
					 const char *address)
{
	return ioasid_device_no_group_sized(device, sizeof(*device), fd, id, address);
}

/** ioasid_device_move() - attach a no-group device to another address space of @fd */
int ioasid_device_move(const struct ioasid_device *device, int fd, uint32_t id);

/** ioasid_device_detach() - block the DMA of a no-group device, which stays the caller's */
int ioasid_device_detach(const struct ioasid_device *device);

/**
 * ioasid_device_map() - map a region of a no-group device, for other devices to reach it
 * @device: attached
 * @fd: open /dev/ioasid
 * @id: address space, 0 for the default one
 * @region: VFIO's index of a BAR
 * @offset: first byte within it, whole pages
 * @length: bytes, whole pages
 * @flags: IOASID_MAP_FLAG_*
 * @iova: as of ioasid_map()
 *
 * ioasid_unmap() unmaps it. struct ioasid_device_map tells when devices do not reach it.
 *
 * Return: 0 or a negative errno.
 */
int ioasid_device_map(const struct ioasid_device *device, int fd, uint32_t id, uint32_t region,
		      uint64_t offset, uint64_t length, uint32_t flags, uint64_t *iova);

/** ioasid_device_info_sized() - fill in @info, which has @size bytes */
int ioasid_device_info_sized(const struct ioasid_device *device,
			     struct ioasid_device_get_info *info, size_t size);

/** ioasid_device_info() - fill in @info: whose a no-group device is, and where it is attached */
static inline int ioasid_device_info(const struct ioasid_device *device,
				     struct ioasid_device_get_info *info)
{
	return ioasid_device_info_sized(device, info, sizeof(*info));
}

/** ioasid_device_close_sized() - close what the ways above have opened; @device has @size bytes */
void ioasid_device_close_sized(struct ioasid_device *device, size_t size);

/** ioasid_device_close() - the same with a device as the program knows it */
static inline void ioasid_device_close(struct ioasid_device *device)
{
	ioasid_device_close_sized(device, sizeof(*device));
}

#ifdef __cplusplus
}
#endif

#endif /* LIBIOASID_H */
