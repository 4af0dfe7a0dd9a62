// SPDX-License-Identifier: GPL-2.0-only
/* See files.h. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpflog.h"
#include "files.h"
#include "ioasidwho.skel.h"
#include "list.h"
#include "say.h"
#include "untrusted.h"

static bool parse(char *line, struct vfio_file *f)
{
	int used = 0;

	if (sscanf(line, "%d %d %11s %23s %" SCNx64 " %d %" SCNx64 " %n", &f->pid, &f->fd, f->kind,
		   f->backend, &f->object, &f->group, &f->container, &used) < 7 || !used)
		return false;
	line[strcspn(line, "\n")] = 0;
	unescape_octal(line + used);
	snprintf(f->comm, sizeof(f->comm), "%s", line + used);
	return true;
}

static bool is_known(const struct vfio_file *list, int n, const struct vfio_file *f)
{
	for (int i = 0; i < n; i++)
		if (list[i].pid == f->pid && list[i].object == f->object &&
		    !strcmp(list[i].kind, f->kind))
			return true;
	return false;
}

static int read_lines(FILE *in, struct vfio_file **list)
{
	struct vfio_file f, *at;
	char line[256];
	int n = 0;

	while (fgets(line, sizeof(line), in)) {
		if (!parse(line, &f) || is_known(*list, n, &f))
			continue;
		at = list_room(list, n);
		if (!at)
			break;
		*at = f;
		n++;
	}
	return n;
}

static int cannot(const char *what)
{
	char reason[600];

	return fail("cannot %s the open files of VFIO: %s", what,
		    bpflog_reason(reason, sizeof(reason)));
}

int read_vfio_files(struct vfio_file **list)
{
	struct ioasidwho_bpf *skel = ioasidwho_bpf__open_and_load();
	struct bpf_link *link = NULL;
	int fd = -1, n = -1;
	FILE *in = NULL;

	*list = NULL;
	if (!skel)
		return cannot("look at");
	link = bpf_program__attach_iter(skel->progs.ioasidwho, NULL);
	if (link)
		fd = bpf_iter_create(bpf_link__fd(link));
	if (fd >= 0)
		in = fdopen(fd, "r");
	if (in)
		n = read_lines(in, list);
	else
		cannot("list");
	if (in)
		fclose(in);
	else if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	ioasidwho_bpf__destroy(skel);
	return n;
}

bool vfio_file_is_ours(const struct vfio_file *f)
{
	return !strcmp(f->kind, "ioasid") ||
	       (!strcmp(f->kind, "container") && !strcmp(f->backend, "ioasid"));
}
