// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid on an io_uring: calls that map and unmap.
 *
 * A small map or unmap runs in the submitter, if nothing makes it wait. io_uring's worker
 * threads carry out every other request. They are threads of the submitter: the memory
 * that is pinned, the limits, cgroup and rights that count and the process that policies
 * see are the submitter's, and a map there is a map like any other. With
 * IORING_SETUP_SQPOLL the submitter is a thread of the process that made the ring.
 *
 * Cancelling a request notifies its worker. The loops of the core look for that
 * notification, and for nothing but that and fatal signals (lib/signal.h), and then
 * unwind as if killed.
 *
 * The submitter holds the ring's uring_lock, so other users of the ring wait for it, and it
 * cannot be cancelled. It does not wait for a page fault of the memory it maps, a policy, a
 * call of another task, or a range. It may wait for what any request of io_uring waits
 * for: a page fault of its own structure, and memory. Once it has unmapped something, or
 * has to undo a map, it waits for the locks of the address space, with which no task waits for
 * user space, and killably for mmap_lock, if another thread took that meanwhile.
 *
 * What can run at the same time: other requests on the same file. A request holds the file,
 * so neither it nor its spaces go away, and the module stays.
 */
#include <linux/io_uring/cmd.h>

#include <uapi/linux/ioasid.h>
#include "abi.h"

/*
 * ioasid_uring_cmd() - a call that comes through a ring
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
