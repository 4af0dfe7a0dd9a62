/* SPDX-License-Identifier: GPL-2.0-only */
/* Histograms of times: what the observers fill and their loaders print. */
#ifndef _IOASID_HIST_H
#define _IOASID_HIST_H

#define HIST_SLOTS	36

/**
 * struct hist - times by powers of two
 * @slots: [i] counts times t with 2^i <= t < 2^(i+1); the first also 0, the
 *	last also everything longer
 * @sum: of all times
 * @max: the longest
 */
struct hist {
	__u64 slots[HIST_SLOTS];
	__u64 sum;
	__u64 max;
};

/** enum hist_phase - which part of which operation a histogram is about */
enum hist_phase {
	HIST_MAP_TOTAL,
	HIST_MAP_WAIT,
	HIST_MAP_PIN,
	HIST_MAP_FAULT,
	HIST_MAP_ACCOUNT,
	HIST_MAP_IOMMU,
	HIST_MAP_SYNC,
	HIST_UNMAP_TOTAL,
	HIST_UNMAP_IOMMU,
	HIST_UNMAP_SYNC,
	HIST_UNMAP_UNPIN,
	HIST_ATTACH_TOTAL,
	HIST_PHASES,
};

#ifdef __bpf__

static __always_inline __u32 hist_slot(__u64 value)
{
	__u32 slot = 0, shift;

	shift = (value > 0xffffffff) << 5; value >>= shift; slot |= shift;
	shift = (value > 0xffff) << 4; value >>= shift; slot |= shift;
	shift = (value > 0xff) << 3; value >>= shift; slot |= shift;
	shift = (value > 0xf) << 2; value >>= shift; slot |= shift;
	shift = (value > 0x3) << 1; value >>= shift; slot |= shift;
	slot |= value >> 1;
	return slot < HIST_SLOTS ? slot : HIST_SLOTS - 1;
}

/* @h belongs to this CPU alone, or a lost update now and then is no harm to max. */
static __always_inline void hist_add(struct hist *h, __u64 value)
{
	__sync_fetch_and_add(&h->slots[hist_slot(value)], 1);
	__sync_fetch_and_add(&h->sum, value);
	if (value > h->max)
		h->max = value;
}

#endif
#endif
