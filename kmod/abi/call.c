// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared by the ioctls of /dev/ioasid's own: find the address space, and write the
 * answer.
 *
 * What can run at the same time: anything; no state lives here.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/uaccess.h>

#include "space/space.h"
#include "abi.h"

/* ioasid_call_respond() - copy the structure to the caller, with its out_ members */
int ioasid_call_respond(struct ioasid_call *call)
{
	return copy_to_user(call->user, call->arg, min(call->size, call->known)) ? -EFAULT : 0;
}

/* ioasid_call_answer() - write a single out_ member, for calls that are frequent */
int ioasid_call_answer(struct ioasid_call *call, const __u64 *out)
{
	size_t at = (const char *)out - (const char *)call->arg;

	return put_user(*out, (__u64 __user *)(call->user + at));
}

/* ioasid_call_space() - the space a call is about, with a reference, or an ERR_PTR */
struct ioasid_space *ioasid_call_space(struct ioasid_call *call, u32 id)
{
	return ioasid_file_space(call->file, id) ?: ERR_PTR(-ENOENT);
}
