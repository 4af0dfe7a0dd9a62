/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _IOASID_DEV_H
#define _IOASID_DEV_H

int ioasid_dev_init(void);
void ioasid_dev_exit(void);
void ioasid_debugfs_init(void);
void ioasid_debugfs_exit(void);

#endif /* _IOASID_DEV_H */
