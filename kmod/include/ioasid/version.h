/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The modules of one version belong together. After an update of the files the
 * loaded ioasid.ko is still the old one, and a module that is loaded then is new.
 * Where the kernel has no MODVERSIONS nothing else compares their structures.
 */
#ifndef _IOASID_VERSION_H
#define _IOASID_VERSION_H

#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/string.h>

/** @ioasid_version: the version of the ioasid.ko that is loaded, such as "0.1" */
extern const char ioasid_version[];

/**
 * ioasid_check_version() - is the calling module of the version of ioasid.ko?
 *
 * To be called first by the init function of each module that uses ioasid.ko;
 * prints what to do if the answer is no.
 *
 * Return: 0, or -ENOEXEC for a module of another version.
 */
static inline int ioasid_check_version(void)
{
	if (!strcmp(ioasid_version, IOASID_VERSION))
		return 0;
	pr_err("this is version %s, the loaded ioasid is version %s: unload all modules of ioasid and load them again, or reboot\n",
	       IOASID_VERSION, ioasid_version);
	return -ENOEXEC;
}

#endif
