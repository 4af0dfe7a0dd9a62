// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies as a part of the module: register with sysfs and BPF, in order.
 *
 * What can run at the same time: nothing; the module is loaded or unloaded.
 */
#include <linux/module.h>

#include "../compat/kfunc.h"
#include "policy.h"

/*
 * ioasid_policy_init() - register with sysfs and BPF; 0 or -errno
 *
 * Without BTF in the module the registration succeeds, but no policy can be loaded: report
 * that in the log and in sysfs.
 */
int ioasid_policy_init(void)
{
	int ret = ioasid_policy_sysfs_init();

	if (ret)
		return ret;
	ret = ioasid_struct_ops_init() ?: ioasid_kfunc_init();
	if (ret) {
		pr_warn("policies are off: struct_ops registration failed (%d)\n", ret);
		ioasid_policy_sysfs_hooks("off: struct_ops registration failed");
	} else if (!ioasid_policy_btf && compat_btf_was_refused(THIS_MODULE)) {
		pr_warn("policies are off: the module's BTF is of another kernel; build the module for this very kernel\n");
		ioasid_policy_sysfs_hooks("off: the module's BTF is of another kernel");
	} else if (!ioasid_policy_btf) {
		pr_warn("policies are off: the module has no BTF; build it on the kernel that it is for, with pahole installed\n");
		ioasid_policy_sysfs_hooks("off: the module has no BTF");
	} else {
		ioasid_policy_sysfs_hooks("on");
	}
	return 0;
}

/* ioasid_policy_exit() - no policy is loaded any more */
void ioasid_policy_exit(void)
{
	ioasid_policy_sysfs_exit();
	ioasid_policy_set_exit();
}
