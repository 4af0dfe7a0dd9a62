/* SPDX-License-Identifier: GPL-2.0-only */
/* What observe/ioasidshow.bpf.c and its loader agree on. */
#ifndef _IOASID_SHOW_H
#define _IOASID_SHOW_H

/**
 * struct show_args - which mappings of which address space
 * @space: id
 * @found: set to 1 if there is such a space
 * @first: first IOVA to look at
 * @last: and last
 * @shown: mappings that were put into the ring
 * @lost: and that found no room in it
 */
struct show_args {
	__u32 space;
	__u32 found;
	__u64 first;
	__u64 last;
	__u64 shown;
	__u64 lost;
};

#endif
