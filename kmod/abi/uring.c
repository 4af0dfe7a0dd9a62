// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid on an io_uring: calls that map and unmap.
 *
 * A small map or unmap runs in the submitter, if it need not wait. io_uring's worker
 * threads carry out every other request. They are threads of the submitter: the memory,
 * the limits, the cgroup, the rights and the process that policies see are those of the
 * submitter, and a map there is a map like any other. With IORING_SETUP_SQPOLL the
 * submitter is a thread of the process that made the ring.
 *
 * A cancel of a request notifies its worker. The loops of the core look for that
 * notification and for fatal signals (lib/signal.h), and unwind.
 *
 * The submitter holds the ring's uring_lock, so other users of the ring wait for it, and it
 * cannot be cancelled. It does not wait for a page fault of the memory it maps, a policy, a
 * call of another task, or a range; while memory is watched (ops/watch.c) it maps nothing.
 * It may wait as any request of io_uring does: for a page fault of its own structure, and
 * for memory. Once it has unmapped something, or has to undo a map, it waits for the locks
 * of the address space, under which no task waits for user space, and killably for
 * mmap_lock, if another thread took that meanwhile.
 *
 * What can run at the same time: other requests on the same file. A request holds a
 * reference on the file, so the file, its spaces and the module stay.
 */
#include <linux/io_uring/cmd.h>

#include <uapi/linux/ioasid.h>
#include "abi.h"

/*
 * ioasid_uring_cmd() - a call through a ring
 *
 * io_uring calls it with IO_URING_F_NONBLOCK in the submitter, and after -EAGAIN again in
 * a worker. Return: the result; -EOPNOTSUPP for a call that no ring may make.
 */
int ioasid_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	/* The 16 bytes that every request has. */
	const struct ioasid_uring_cmd *sqe = (const void *)cmd->sqe->cmd;
	u64 arg = READ_ONCE(sqe->arg);

	if (READ_ONCE(sqe->__reserved))
		return -EOPNOTSUPP;
	if (!ioasid_ioctl_on_ring(cmd->cmd_op))
		return -EOPNOTSUPP;
	if (issue_flags & IO_URING_F_NONBLOCK)
		return ioasid_ioctl_now(cmd->file->private_data, cmd->cmd_op, arg);
	return ioasid_ioctl(cmd->file->private_data, cmd->cmd_op, arg);
}
