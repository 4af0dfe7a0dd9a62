/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of one user, see user.c.
 */
#ifndef _IOASID_USER_H
#define _IOASID_USER_H

#include <linux/types.h>

struct dentry;
struct ioasid_user;

/* Parameters: the most that one user may have; 0: no limit. */
extern unsigned int ioasid_user_spaces;
extern unsigned int ioasid_user_windows;

struct ioasid_user *ioasid_user_open(void);
void ioasid_user_close(struct ioasid_user *user);
bool ioasid_user_add_window(struct ioasid_user *user, u64 *used, u64 *limit);
void ioasid_user_drop_window(struct ioasid_user *user);
void ioasid_users_show(struct dentry *dir);

#endif /* _IOASID_USER_H */
