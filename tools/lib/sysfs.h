/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says of ioasid in sysfs, procfs and debugfs. */
#ifndef IOASID_LIB_SYSFS_H
#define IOASID_LIB_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSFS_IOASID	"/sys/kernel/ioasid"
#define DEBUGFS_IOASID	"/sys/kernel/debug/ioasid"

/*
 * First line of the file, without the line break; 0 or a negative
 * errno (-ENODATA: it is empty), with which @buf stays as it was.
 */
int read_line(const char *path, char *buf, size_t size);
/* A number in a file, or @missing if there is none. */
uint64_t read_number(const char *path, uint64_t missing);
/* Writes @text by one write(2), as a file of sysfs wants it; 0 or a negative errno. */
int write_text(const char *path, const char *text);

/* First line of the file, without the line break; false if it cannot be read. */
bool sysfs_line(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A number in a file; 0 if there is none. */
uint64_t sysfs_u64(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Is a module loaded, or built in? */
bool module_loaded(const char *module);
/*
 * Position in the order of loading, the last one loaded first; -1 if it is not
 * loaded as a module.
 */
int module_position(const char *module);

/* Fails with a line that says what to do, unless ioasid.ko is there. */
int need_module(void);
/* Likewise, unless this process has CAP_SYS_ADMIN, which covers BPF. */
int need_admin(const char *what);
/* Why the loaded ioasid.ko has no BTF: did the kernel refuse what the module came with? */
bool btf_is_of_another_kernel(void);
/* Fails: the loaded ioasid.ko has no BTF, or BTF of another kernel. */
int fail_without_btf(void);
/* Fails with a line that says what to do, unless policies can be loaded. */
int need_hooks(void);

/* Calls @each for the name of every entry of a directory, sorted. */
int each_entry(const char *dir, int (*each)(const char *name, void *data), void *data);

#endif
