/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flags of kfuncs. Later kernels take for granted that arguments are trusted,
 * and have no flag for it.
 */
#ifndef _IOASID_COMPAT_KFUNC_H
#define _IOASID_COMPAT_KFUNC_H

#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>

#ifndef KF_TRUSTED_ARGS
#define KF_TRUSTED_ARGS	0
#endif

/**
 * compat_btf_was_refused() - did a module come with BTF that the kernel does not take?
 * @module: the caller's own, while it is being loaded and has no BTF
 *
 * With CONFIG_MODULE_ALLOW_BTF_MISMATCH such a module is loaded, without BTF.
 */
static inline bool compat_btf_was_refused(const struct module *module)
{
#ifdef CONFIG_DEBUG_INFO_BTF_MODULES
	return module->btf_data_size;
#else
	return false;
#endif
}

#endif /* _IOASID_COMPAT_KFUNC_H */
