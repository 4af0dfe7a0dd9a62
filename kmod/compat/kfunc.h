/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flags of kfuncs. Later kernels take for granted that arguments are trusted,
 * and have no flag for it.
 */
#ifndef _IOASID_COMPAT_KFUNC_H
#define _IOASID_COMPAT_KFUNC_H

#include <linux/btf.h>
#include <linux/btf_ids.h>

#ifndef KF_TRUSTED_ARGS
#define KF_TRUSTED_ARGS	0
#endif

#endif /* _IOASID_COMPAT_KFUNC_H */
