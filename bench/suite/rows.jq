# SPDX-License-Identifier: GPL-2.0-only
#
# From results.json to one line for each workload and backend, tab-separated:
#
#   phase label workload memory threads unit pages/run backend map unmap
#   map-p50 map-p99 map-p99.9 unmap-p50 unmap-p99 unmap-p99.9 kernel-bytes/map
#   kernel-bytes/GiB
#
# Figures are ns per unit; a unit is a page, or a map call where calls count:
# one unmap call over a whole storm is shared by all its maps.

def median: sort | if length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2] + .[length / 2 - 1]) / 2 end;
def r3: . * 1000 | round / 1000;

.runs[] | select(.phase != "caches") | . as $run | .results[] | select(has("map")) |
(if .per_call then .map.calls else .map.bytes / 4096 end) as $units |
(if .maps then .maps else 1 end) as $maps |
[ $run.phase, $run.label, .workload, .memory, .threads,
  if .per_call then "call" else "page" end, (.pages_per_extent | r3), .backend,
  (.map.repetitions_ns | median / $units | r3), (.unmap.repetitions_ns | median / $units | r3),
  .map.call_ns.p50, .map.call_ns.p99, .map.call_ns["p99.9"],
  .unmap.call_ns.p50, .unmap.call_ns.p99, .unmap.call_ns["p99.9"],
  ((.kernel_bytes // 0) / $maps | round),
  ((.kernel_bytes // 0) * 1073741824 / .size_bytes | round) ] | @tsv
