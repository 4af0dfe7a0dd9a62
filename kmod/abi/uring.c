// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid on an io_uring: calls that map and unmap, in the background.
 *
 * A request that would block is handed to io_uring's own worker threads, which
 * are threads of the submitter: the memory that is pinned, the limits, cgroup
 * and rights that count and the process that policies see are the submitter's,
 * and a map there is a map like any other. Cancelling such a request notifies
 * its worker. The loops of the core look for that notification, and for nothing
 * but that and fatal signals (lib/signal.h), and then unwind as if killed.
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
 * Calls may sleep, so the first attempt returns -EAGAIN, and io_uring calls again in a
 * worker thread. -EOPNOTSUPP for a call that no ring may make.
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
		return -EAGAIN;
	return ioasid_ioctl(cmd->file->private_data, cmd->cmd_op, arg);
}
