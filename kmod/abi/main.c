// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid.ko: initialise its parts, in order.
 */
#include <linux/init.h>
#include <linux/module.h>

#include <ioasid/version.h>
#include "ops/ops.h"
#include "policy/policy.h"
#include "abi.h"

module_param_named(dma_entry_limit, ioasid_dma_entry_limit, uint, 0644);
MODULE_PARM_DESC(dma_entry_limit, "Most mappings of an address space created from now on (default 65535)");
module_param_named(user_spaces, ioasid_user_spaces, uint, 0644);
MODULE_PARM_DESC(user_spaces, "Most address spaces of /dev/ioasid that one user may have; 0: no limit (default 8192)");
module_param_named(user_mappings, ioasid_user_mappings, uint, 0644);
MODULE_PARM_DESC(user_mappings, "Most mappings of one user that no rlimit bounds, such as copies; 0: no limit (default 262144)");
module_param_named(charge_shared, ioasid_charge_shared, bool, 0644);
MODULE_PARM_DESC(charge_shared, "In address spaces created from now on a page is charged once, however many mappings of its process have it (default N: once for each)");

const char ioasid_version[] = IOASID_VERSION;
IOASID_EXPORT(ioasid_version);

static int __init ioasid_init(void)
{
	int ret;

	ret = ioasid_mapping_init();
	if (ret)
		return ret;
	ret = ioasid_help_init();
	if (ret)
		goto err_workers;
	ioasid_watch_init();
	ioasid_share_init(ioasid_share_survey);
	ret = ioasid_policy_init();
	if (ret)
		goto err_policy;
	ret = ioasid_dev_init();
	if (ret)
		goto err_dev;
	ioasid_debugfs_init();
	return 0;

err_dev:
	ioasid_policy_exit();
err_policy:
	ioasid_help_exit();
err_workers:
	ioasid_mapping_exit();
	return ret;
}
module_init(ioasid_init);

/* No fd, container or policy is left: each holds a reference on the module. */
static void __exit ioasid_exit(void)
{
	ioasid_debugfs_exit();
	ioasid_dev_exit();
	ioasid_policy_exit();
	ioasid_watch_exit();
	/* Wait for address spaces whose last reference a BPF program or a walk had. */
	rcu_barrier();
	ioasid_help_exit();
	ioasid_mapping_exit();
	ioasid_frames_exit();
	ioasid_debts_exit();
	ioasid_share_exit();
	ioasid_spaces_exit();
}
module_exit(ioasid_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("I/O address spaces: /dev/ioasid and the IOMMU half of VFIO");
MODULE_VERSION(IOASID_VERSION);
