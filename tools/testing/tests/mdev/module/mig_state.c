// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of a device of ioasid_mig: the states of VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
 * with PRE_COPY, and the streams.
 *
 * A stream is a sequence of struct mig_record, each of them the whole state; the last one
 * that is complete counts. Before the device stops there is another record whenever the
 * device has written since the last one; after it stopped there is exactly one more.
 *
 * What can run at the same time: everything. The device's lock guards its streams. A stream
 * may outlive the open device, and keeps the structure of the device.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mig.h"

/**
 * struct mig_file - a stream
 * @m: the device
 * @record: the one that is read
 * @at: bytes of it that were
 * @whole: records that were begun after the first
 * @final: @record was taken after the device stopped
 * @ended: the device has no more to do with it
 */
struct mig_file {
	struct mig *m;
	struct mig_record record;
	size_t at;
	u64 whole;
	bool final;
	bool ended;
};

static bool mig_changed(const struct mig *m, const struct mig_file *f)
{
	return memcmp(&m->now, &f->record, sizeof(m->now));
}

static void mig_take(struct mig *m, struct mig_file *f)
{
	f->record = m->now;
	f->at = 0;
	f->whole++;
	f->final = m->state == VFIO_DEVICE_STATE_STOP_COPY;
}

/* Is there something to read? 0 at the end, -ENOMSG when there is nothing now. */
static int mig_fill(struct mig_file *f)
{
	struct mig *m = f->m;

	if (f->ended)
		return -ENODEV;
	if (f->at < sizeof(f->record))
		return 1;
	if (f->final)
		return 0;
	if (m->state == VFIO_DEVICE_STATE_PRE_COPY && !mig_changed(m, f))
		return -ENOMSG;
	mig_take(m, f);
	return 1;
}

static ssize_t mig_file_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct mig_file *f = file->private_data;
	ssize_t done = 0;
	int ret;

	mutex_lock(&f->m->lock);
	ret = mig_fill(f);
	if (ret > 0) {
		done = min(count, sizeof(f->record) - f->at);
		if (copy_to_user(buf, (u8 *)&f->record + f->at, done))
			ret = -EFAULT;
		else
			f->at += done;
	}
	mutex_unlock(&f->m->lock);
	return ret < 0 ? ret : done;
}

/* Kept by the device: QEMU closes the stream before the device leaves RESUMING. */
static ssize_t mig_file_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct mig_file *f = file->private_data;
	struct mig *m = f->m;
	ssize_t done = -ENODEV;

	mutex_lock(&m->lock);
	if (!f->ended) {
		m->came_bytes %= sizeof(m->came);
		done = min(count, sizeof(m->came) - m->came_bytes);
		if (copy_from_user((u8 *)&m->came + m->came_bytes, buf, done))
			done = -EFAULT;
		else
			m->came_bytes += done;
	}
	mutex_unlock(&m->lock);
	return done;
}

static long mig_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_precopy_info, dirty_bytes);
	struct mig_file *f = file->private_data;
	struct vfio_precopy_info info = {};
	size_t left;
	long ret = 0;

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	mutex_lock(&f->m->lock);
	if (f->ended || f->m->state != VFIO_DEVICE_STATE_PRE_COPY)
		ret = -EINVAL;
	left = sizeof(f->record) - f->at;
	info.flags = 0;
	info.initial_bytes = f->whole ? 0 : left;
	info.dirty_bytes = f->whole ? left : 0;
	if (!left && mig_changed(f->m, f))
		info.dirty_bytes = sizeof(f->record);
	mutex_unlock(&f->m->lock);
	if (!ret && copy_to_user((void __user *)arg, &info, minsz))
		ret = -EFAULT;
	return ret;
}

static int mig_file_release(struct inode *inode, struct file *file)
{
	struct mig_file *f = file->private_data;
	struct mig *m = f->m;

	mutex_lock(&m->lock);
	if (m->saving == f)
		m->saving = NULL;
	if (m->resuming == f)
		m->resuming = NULL;
	mutex_unlock(&m->lock);
	vfio_put_device(&m->vdev);
	kfree(f);
	return 0;
}

static const struct file_operations mig_saving_fops = {
	.owner		= THIS_MODULE,
	.read		= mig_file_read,
	.unlocked_ioctl	= mig_file_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.release	= mig_file_release,
};

static const struct file_operations mig_resuming_fops = {
	.owner		= THIS_MODULE,
	.write		= mig_file_write,
	.release	= mig_file_release,
};

static struct file *mig_file_open(struct mig *m, struct mig_file **slot,
				  const struct file_operations *fops, int flags)
{
	struct mig_file *f = kzalloc(sizeof(*f), GFP_KERNEL);
	struct file *file;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->m = m;
	file = anon_inode_getfile("ioasid_mig", fops, f, flags);
	if (IS_ERR(file)) {
		kfree(f);
		return file;
	}
	get_device(&m->vdev.device);
	stream_open(file_inode(file), file);
	*slot = f;
	return file;
}

static void mig_file_end(struct mig_file **slot)
{
	if (*slot)
		(*slot)->ended = true;
	*slot = NULL;
}

void mig_streams_end(struct mig *m)
{
	mig_file_end(&m->saving);
	mig_file_end(&m->resuming);
}

/* The last record that was written is the state. */
static int mig_load(struct mig *m)
{
	if (m->came_bytes != sizeof(m->came) || m->came.magic != MIG_MAGIC)
		return -EINVAL;
	m->now = m->came;
	return 0;
}

/* The pins that came with the state. When they fail the state still has them. */
static int mig_pin_again(struct mig *m)
{
	u64 n = m->now.pinned;
	int ret;

	if (!n || m->nr_pins)
		return 0;
	ret = mig_pin(m, n);
	m->now.pinned = n;
	return ret;
}

/* One step of the state machine: a stream that begins with it, NULL, or an error. */
static struct file *mig_step(struct mig *m, enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state from = m->state;
	struct file *file = NULL;
	int ret = 0;

	if (from == VFIO_DEVICE_STATE_PRE_COPY && to == VFIO_DEVICE_STATE_STOP_COPY)
		return NULL;
	if (to == VFIO_DEVICE_STATE_PRE_COPY || to == VFIO_DEVICE_STATE_STOP_COPY) {
		file = mig_file_open(m, &m->saving, &mig_saving_fops, O_RDONLY);
		if (!IS_ERR(file)) {
			m->saving->record = m->now;
			m->saving->final = to == VFIO_DEVICE_STATE_STOP_COPY;
		}
		return file;
	}
	if (to == VFIO_DEVICE_STATE_RESUMING) {
		m->came_bytes = 0;
		return mig_file_open(m, &m->resuming, &mig_resuming_fops, O_WRONLY);
	}
	if (from == VFIO_DEVICE_STATE_RESUMING)
		ret = mig_load(m);
	else if (to == VFIO_DEVICE_STATE_RUNNING)
		ret = mig_pin_again(m);
	if (ret)
		return ERR_PTR(ret);
	mig_streams_end(m);
	return NULL;
}

static struct file *mig_set_state(struct vfio_device *vdev, enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state next;
	struct mig *m = to_mig(vdev);
	struct file *file = NULL;
	int ret = 0;

	mutex_lock(&m->lock);
	while (!ret && !file && m->state != to) {
		ret = vfio_mig_get_next_state(vdev, m->state, to, &next);
		if (ret)
			break;
		file = mig_step(m, next);
		if (IS_ERR(file)) {
			ret = PTR_ERR(file);
			file = NULL;
			break;
		}
		m->state = next;
		/* Under the lock: no write of the device comes after the state. */
		mig_update(m);
	}
	if (!ret && m->state != to)
		ret = -EINVAL;
	mutex_unlock(&m->lock);
	if (ret && file)
		fput(file);
	return ret ? ERR_PTR(ret) : file;
}

static int mig_get_state(struct vfio_device *vdev, enum vfio_device_mig_state *state)
{
	struct mig *m = to_mig(vdev);

	mutex_lock(&m->lock);
	*state = m->state;
	mutex_unlock(&m->lock);
	return 0;
}

static int mig_get_data_size(struct vfio_device *vdev, unsigned long *length)
{
	*length = 2 * sizeof(struct mig_record);
	return 0;
}

const struct vfio_migration_ops mig_state_ops = {
	.migration_set_state		= mig_set_state,
	.migration_get_state		= mig_get_state,
	.migration_get_data_size	= mig_get_data_size,
};
