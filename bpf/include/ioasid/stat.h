/* SPDX-License-Identifier: GPL-2.0-only */
/* What observe/ioasidstat.bpf.c counts. */
#ifndef _IOASID_STAT_H
#define _IOASID_STAT_H

#define STAT_REASONS	64

/**
 * struct stat_counts - everything since the programs were attached
 * @maps: map calls that succeeded
 * @maps_failed: and that did not
 * @map_bytes: mapped
 * @map_pages: pinned by them
 * @map_runs: physically contiguous pieces of them
 * @map_ns: time in map calls that succeeded
 * @map_faults: page faults that pinning took
 * @map_bytes_2m: of @map_bytes, what 2 MiB entries of a page table can hold
 * @unmaps: unmap calls and teardowns that succeeded
 * @unmaps_failed: and that did not
 * @unmap_bytes: unmapped
 * @unmap_mappings: removed
 * @unmap_ns: time in unmap calls that succeeded
 * @unmap_syncs: flushes of an IOTLB
 * @pinned: pages, by mappings and by in-kernel users
 * @unpinned: likewise
 * @charged: pages charged to locked_vm
 * @uncharged: pages given back
 * @charges_refused: RLIMIT_MEMLOCK or a policy said no
 * @attaches: groups that joined
 * @attaches_failed: and that did not
 * @detaches: groups that left
 * @policies_loaded: and replacements that took over
 * @policies_ejected: for misbehaving
 * @revokes: mappings whose device memory was revoked
 * @errors: failed calls by enum ioasid_reason; the last counts all beyond
 */
struct stat_counts {
	__u64 maps;
	__u64 maps_failed;
	__u64 map_bytes;
	__u64 map_pages;
	__u64 map_runs;
	__u64 map_ns;
	__u64 map_faults;
	__u64 map_bytes_2m;
	__u64 unmaps;
	__u64 unmaps_failed;
	__u64 unmap_bytes;
	__u64 unmap_mappings;
	__u64 unmap_ns;
	__u64 unmap_syncs;
	__u64 pinned;
	__u64 unpinned;
	__u64 charged;
	__u64 uncharged;
	__u64 charges_refused;
	__u64 attaches;
	__u64 attaches_failed;
	__u64 detaches;
	__u64 policies_loaded;
	__u64 policies_ejected;
	__u64 revokes;
	__u64 errors[STAT_REASONS];
};

#endif
