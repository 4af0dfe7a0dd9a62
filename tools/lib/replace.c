// SPDX-License-Identifier: GPL-2.0-only
/* See replace.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "replace.h"
#include "say.h"

/*
 * The file on its way. Where the file system can do that it has no name while it is written,
 * so that nothing is left of it if this process is killed.
 */
struct replacement {
	const char *file, *base;	/* as the caller spells it, and its last word */
	char name[NAME_MAX + 1];	/* before it gets the right one */
	bool named;
	mode_t mode;
	int dir, fd;
};

static int cannot(const struct replacement *r)
{
	return fail("cannot write '%s': %s", r->file, strerror(errno));
}

static int open_folder(struct replacement *r)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS,
	};
	const char *slash = strrchr(r->file, '/');
	char path[PATH_MAX] = ".";

	r->base = slash ? slash + 1 : r->file;
	if (slash && snprintf(path, sizeof(path), "%.*s", (int)(slash - r->file + 1), r->file) >=
	    (int)sizeof(path))
		errno = ENAMETOOLONG;
	else
		r->dir = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (r->dir >= 0)
		return 0;
	if (errno == ELOOP)
		return fail("cannot write '%s': the path leads through a symbolic link; give the path behind it",
			    r->file);
	return cannot(r);
}

static int check_target(const struct replacement *r)
{
	struct stat st;

	if (!*r->base)
		return fail("cannot write '%s': it is a folder", r->file);
	if (!fstatat(r->dir, r->base, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode))
		return fail("cannot replace '%s': it is not a regular file; use a redirection", r->file);
	return 0;
}

/* A name that no other process can predict, and that readers of "*.prom" ignore. */
static int choose_name(struct replacement *r)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return cannot(r);
	snprintf(r->name, sizeof(r->name), ".%.*s.%016" PRIx64, NAME_MAX - 20, r->base, number);
	return 0;
}

static int open_new(struct replacement *r)
{
	r->fd = openat(r->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	/* What a file system without it says; an old kernel would take it for O_DIRECTORY. */
	if (r->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		r->fd = openat(r->dir, r->name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC,
			       0600);
		r->named = r->fd >= 0;
	}
	return r->fd < 0 ? cannot(r) : 0;
}

static int write_all(const struct replacement *r, const char *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= (size_t)n) {
		n = write(r->fd, data, len);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return cannot(r);
	}
	/* Some file systems find out only then that there is no room. */
	return fchmod(r->fd, r->mode) || fsync(r->fd) ? cannot(r) : 0;
}

static int take_place(struct replacement *r)
{
	char path[32];

	if (!r->named) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fd);
		if (linkat(AT_FDCWD, path, r->dir, r->name, AT_SYMLINK_FOLLOW))
			return cannot(r);
		r->named = true;
	}
	if (renameat(r->dir, r->name, r->dir, r->base))
		return cannot(r);
	r->named = false;
	return 0;
}

int replace_file(const char *file, const char *data, size_t len, mode_t mode)
{
	struct replacement r = { .file = file, .mode = mode, .dir = -1, .fd = -1 };
	int err;

	/* A limit on the size of files is an error like another, and no end. */
	signal(SIGXFSZ, SIG_IGN);
	err = open_folder(&r) || check_target(&r) || choose_name(&r) || open_new(&r) ||
	      write_all(&r, data, len) || take_place(&r) ? -1 : 0;
	if (r.named)
		unlinkat(r.dir, r.name, 0);
	if (r.fd >= 0)
		close(r.fd);
	if (r.dir >= 0)
		close(r.dir);
	return err;
}

void whole_begin(struct whole *w)
{
	*w = (struct whole){ 0 };
	w->f = open_memstream(&w->text, &w->len);
}

int whole_end(struct whole *w, const char *what, const char *file, mode_t mode)
{
	int err = 0;

	if (!w->f || fclose(w->f))
		err = fail("cannot %s: %s", what, strerror(errno));
	else if (file)
		err = replace_file(file, w->text, w->len, mode);
	else
		fwrite(w->text, 1, w->len, stdout);
	free(w->text);
	return err;
}
