#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What policies and tracepoints cost, in instructions. Runs in a VM that counts
# them, where a nanosecond of the guest is one instruction:
#
#	tools/testing/vm/run --icount -- tools/testing/tests/policy/cost.sh
#
# Prints the table of docs/policy.md, and fails when a figure is beyond what
# is promised there.
set -eu
. tools/testing/harness/ktap.sh
PATH=$PWD/build/bin:$PATH
mapper=build/fixture/mapper
objects=build/bpf/test
failed=0

# measure LENGTH: one map and one unmap, into $map and $unmap; the least of
# three means, because an interrupt only ever adds.
measure() {
	map=0 unmap=0
	for _ in 1 2 3; do
		read -r _ m u <<-END
			$("$mapper" time 300 16M "$1")
		END
		if [ "$map" = 0 ] || [ "$m" -lt "$map" ]; then map=$m; fi
		if [ "$unmap" = 0 ] || [ "$u" -lt "$unmap" ]; then unmap=$u; fi
	done
}

# row WHAT MOST: beyond $base_map and $base_unmap; MOST is the promise for either.
row() {
	printf '| %-44s | %6d | %6d | %s |\n' "$1" $((map - base_map)) $((unmap - base_unmap)) "${2:--}"
	if [ -n "${2-}" ] &&
	   { [ $((map - base_map)) -gt "$2" ] || [ $((unmap - base_unmap)) -gt "$2" ]; }; then
		echo "cost: '$1' is beyond $2" >&2
		failed=1
	fi
}

# with POLICY WHAT MOST [OPTION...]
with() {
	object=$1 what=$2 most=$3
	shift 3
	ioasidctl policy load --set name=cost "$@" "$object" >/dev/null
	measure "$length"
	ioasidctl policy unload cost >/dev/null
	row "$what" "$most"
}

# on EVENT...: tracepoints, into the ring buffer.
on() {
	for event; do echo 1 >/sys/kernel/tracing/events/ioasid/"$event"/enable; done
	measure "$length"
	for event; do echo 0 >/sys/kernel/tracing/events/ioasid/"$event"/enable; done
}

modules_load ioasid
length=4K
measure $length
base_map=$map base_unmap=$unmap
echo "A map of one page through /dev/ioasid: $base_map instructions, its unmap: $base_unmap."
echo
echo '| | map | unmap | promised |'
echo '|---|---|---|---|'
# The kernel counts for the first two how the map goes.
for hook in map_batch map_done; do
	with "$objects/empty-$hook.bpf.o" "\`$hook\` alone, empty" 400
done
for hook in map_begin map_at charge unmap_begin unmap_sync unmap_done; do
	with "$objects/empty-$hook.bpf.o" "\`$hook\` alone, empty" 300
done
with $objects/empty.bpf.o 'every hook, empty' 1450
with $objects/empty.bpf.o 'the same with TIMES' '' --set flags=TIMES
measure $length
row 'nothing loaded again' 20
on ioasid_map_done
row 'tracepoint ioasid_map_done on, into the ring' ''
on ioasid_pin ioasid_account ioasid_map_begin ioasid_map_done ioasid_unmap_begin \
	ioasid_unmap_done ioasid_unpin
row 'seven tracepoints on, into the ring' ''
measure $length
row 'off again' 20

echo
length=2M
measure $length
base_map=$map base_unmap=$unmap
echo "2 MiB of 4K pages: $base_map and $base_unmap instructions."
echo
echo '| | map | unmap | promised |'
echo '|---|---|---|---|'
with pincg pincg $((base_map * 3 / 100))
with $objects/empty.bpf.o 'every hook, empty' ''
exit $failed
