/* SPDX-License-Identifier: GPL-2.0-only */
/* A file that is replaced in one step. */
#ifndef IOASID_LIB_REPLACE_H
#define IOASID_LIB_REPLACE_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * Makes @data, @len bytes, the content of @file, with @mode. A process that reads @file finds
 * all of it or the old content; on failure the old file stays, and nothing else is left. The
 * folder may belong to another user, who gains nothing by that: this function follows no
 * symbolic link, neither on the way to the folder nor in it, and opens no existing file.
 *
 * Returns 0, or -1 with a message: a path through a symbolic link, a file that is not a
 * regular one (/dev/null), no folder, no right to write there, a full disk, a file size limit.
 */
int replace_file(const char *file, const char *data, size_t len, mode_t mode);

/* Output that is collected as a whole before any of it is written; @f is NULL without memory. */
struct whole {
	FILE *f;
	char *text;
	size_t len;
};

void whole_begin(struct whole *w);

/*
 * Writes it to @file as replace_file() does, or to stdout if @file is NULL, and frees it.
 * @what: in the message if it could not be collected, "cannot @what: ...". Returns 0 or -1.
 */
int whole_end(struct whole *w, const char *what, const char *file, mode_t mode);

#endif
