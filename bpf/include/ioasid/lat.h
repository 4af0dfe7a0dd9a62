/* SPDX-License-Identifier: GPL-2.0-only */
/* What observe/ioasidlat.bpf.c and its loader agree on. */
#ifndef _IOASID_LAT_H
#define _IOASID_LAT_H

/** enum lat_by - what has histograms of its own */
enum lat_by {
	LAT_BY_NONE,
	LAT_BY_PROCESS,
	LAT_BY_CGROUP,
	LAT_BY_SPACE,
};

/**
 * struct lat_key - one histogram
 * @id: process, cgroup or address space, or 0
 * @phase: enum hist_phase
 * @pad: 0
 */
struct lat_key {
	__u64 id;
	__u32 phase;
	__u32 pad;
};

#endif
