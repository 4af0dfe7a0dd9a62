/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of ioasid_mig.ko share: mig_main.c is the driver, mig_write.c writes to
 * memory, mig_state.c migrates.
 */
#ifndef IOASID_TEST_MIG_MODULE_H
#define IOASID_TEST_MIG_MODULE_H

#include <linux/mutex.h>
#include <linux/vfio.h>
#include <linux/wait.h>

#include "lib/mig.h"

struct mig_file;

/**
 * struct mig - a device
 * @vdev: for VFIO
 * @lock: guards all that follows; held over each write of the device
 * @state: of the migration
 * @saving: the stream that user space reads, or NULL
 * @resuming: the stream that user space writes, or NULL
 * @came: the record that user space writes
 * @came_bytes: what it has written of it
 * @now: the registers and the configuration space, as they migrate
 * @count: MIG_COUNT
 * @error: MIG_ERROR
 * @go: the device writes by itself
 * @pins: pages that stay pinned from @pin_iova on; NULL where an unmap ended the pin
 * @pin_iova: of the first of @pins
 * @nr_pins: entries of @pins
 * @pinned: those that are not NULL
 * @thread: makes the device's own writes while the device is open
 * @wake: where @thread waits for @go
 */
struct mig {
	struct vfio_device vdev;
	struct mutex lock;
	enum vfio_device_mig_state state;
	struct mig_file *saving;
	struct mig_file *resuming;
	struct mig_record came;
	size_t came_bytes;
	struct mig_record now;
	u64 count;
	u64 error;
	bool go;
	struct page **pins;
	u64 pin_iova;
	u64 nr_pins;
	u64 pinned;
	struct task_struct *thread;
	wait_queue_head_t wake;
};

static inline struct mig *to_mig(struct vfio_device *vdev)
{
	return container_of(vdev, struct mig, vdev);
}

/* mig_update() - start or stop the device's own writes, by its state; the lock is held */
void mig_update(struct mig *m);

/* mig_pin() - pin the first @n pages of the window; the lock is held; 0 or an errno */
int mig_pin(struct mig *m, u64 n);

/* mig_unpin() - end the pins of [@iova, @iova + @length); the lock is held */
void mig_unpin(struct mig *m, u64 iova, u64 length);

/* mig_unpin_all() - end all pins, and forget them; the lock is held */
void mig_unpin_all(struct mig *m);

/* mig_write_many() - the next @m->count writes; the lock is held; 0 or the first errno */
int mig_write_many(struct mig *m);

/* mig_may_write() - does the migration let the device write? The lock is held. */
bool mig_may_write(const struct mig *m);

/* mig_thread() - the device's own writes, until kthread_stop(); @data is the device */
int mig_thread(void *data);

/* mig_streams_end() - user space gets no more of its streams; the lock is held */
void mig_streams_end(struct mig *m);

extern const struct vfio_migration_ops mig_state_ops;

#endif
