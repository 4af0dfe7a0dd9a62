// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that was compiled with the headers of today, to be linked to a libioasid
 * of later: does that write behind a structure of the program? ioctl() below takes the
 * place of the kernel: it fills in as many bytes as the structure claims to have.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <libioasid.h>
#include <libioasid-uring.h>

#define BEHIND	128
#define MARK	0xa5
#define ENTRIES	3

static int failed;

static void check(const char *what, int right)
{
	if (right)
		return;
	printf("%s\n", what);
	failed = 1;
}

/* The argument of IOASID_MAP_BATCH. */
static struct ioasid_map_batch batch;

int ioctl(int fd, unsigned long command, ...)
{
	va_list args;
	void *arg;

	(void)fd;
	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	switch (command) {
	case IOASID_GET_INFO:
	case IOASID_DEVICE_GET_INFO:
		memset(arg, 1, *(__u32 *)arg);
		return 0;
	case IOASID_MAP_BATCH:
		memcpy(&batch, arg, sizeof(batch));
		((struct ioasid_map_batch *)arg)->out_done = batch.nr_entries;
		return 0;
	}
	return -1;
}

/* A structure, and what is behind it. */
#define GUARDED(type)	struct { type value; unsigned char behind[BEHIND]; }
#define GUARD(g)	memset(&(g), MARK, sizeof(g))

static int kept(const unsigned char *behind)
{
	int i;

	for (i = 0; i < BEHIND && behind[i] == MARK; i++)
		;
	return i == BEHIND;
}

static void infos(void)
{
	struct ioasid_device device = { .fd = -1 };
	GUARDED(struct ioasid_get_info) space;
	GUARDED(struct ioasid_device_get_info) info;

	GUARD(space);
	check("ioasid_info() fails", !ioasid_info(-1, 1, &space.value));
	check("ioasid_info() leaves a member out", space.value.out_pgsizes == 0x0101010101010101ULL);
	check("ioasid_info() writes too much", kept(space.behind));
	check("ioasid_info() takes anything for a structure",
	      ioasid_info_sized(-1, 1, &space.value, 4) == -EINVAL);
	GUARD(info);
	check("ioasid_device_info() fails", !ioasid_device_info(&device, &info.value));
	check("ioasid_device_info() writes too much", kept(info.behind));
}

static void devices(void)
{
	GUARDED(struct ioasid_device) d;

	GUARD(d);
	check("no device", ioasid_device_by_container(&d.value, -1, "none") < 0 && d.value.fd == -1);
	check("ioasid_device_by_container() writes too much", kept(d.behind));
	check("no device", ioasid_device_by_group(&d.value, -1, "none") < 0 && d.value.fd == -1);
	check("ioasid_device_by_group() writes too much", kept(d.behind));
	check("no device", ioasid_device_no_group(&d.value, -1, 1, "none") < 0 && d.value.fd == -1);
	check("ioasid_device_no_group() writes too much", kept(d.behind));
	ioasid_device_close(&d.value);
	check("ioasid_device_close() writes too much", kept(d.behind));
}

static void batches(void)
{
	struct ioasid_map_entry entries[ENTRIES] = {};
	uint32_t done = 0;

	check("ioasid_map_batch() fails", !ioasid_map_batch(-1, 1, entries, ENTRIES, &done));
	check("ioasid_map_batch() takes entries for larger ones",
	      batch.entry_size == sizeof(entries[0]) && done == ENTRIES);
}

/* A program may mark a request before it prepares it. */
static void request(void)
{
	struct io_uring_sqe sqe = { .user_data = 77, .len = 1 };
	struct ioasid_map_dma map = { .size = sizeof(map) };

	ioasid_prep(&sqe, 1, IOASID_MAP_DMA, &map);
	check("ioasid_prep() changes user_data", sqe.user_data == 77);
	check("ioasid_prep() leaves something of the last request", !sqe.len);
}

int main(void)
{
	request();
	infos();
	devices();
	batches();
	return failed;
}
