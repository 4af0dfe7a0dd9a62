#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# /dev/vfio/vfio is the ioasid node: a program that knows nothing of it reads a
# disk by DMA, and no operation of VFIO's own container runs meanwhile.
. tools/testing/harness/ktap.sh
. tools/testing/lib/who.sh

DISK=0000:00:04.0
BENCH=build/bin/ioasid-bench
TRACING=/sys/kernel/tracing
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
modprobe nvme

# traced COMMAND...: runs it while ftrace notes each call of VFIO's container
# operations, and each attach of a group: lines "COUNT FUNCTION" in $WORK/calls.
traced() {
	echo 'vfio_fops_*' >"$TRACING"/set_ftrace_filter
	echo vfio_container_attach_group >>"$TRACING"/set_ftrace_filter
	echo function >"$TRACING"/current_tracer
	status=0
	"$@" >"$WORK/said" 2>&1 || status=$?
	sed -n 's/.*: \(vfio_[a-z_]*\) <-.*/\1/p' "$TRACING"/trace | sort | uniq -c >"$WORK/calls"
	echo nop >"$TRACING"/current_tracer
	echo >"$TRACING"/set_ftrace_filter
	[ "$status" = 0 ] || fail "'$*' exited with $status: $(tail -n 1 "$WORK/said")"
}

called() { awk -v f="$1" '$2 ~ f { n += $1 } END { print n + 0 }' "$WORK/calls"; }

reads() {
	"$BENCH" nvme --backend auto --device "$DISK" --image build/vm/pattern.img --size 1M --ios 50 --json
}

verified() {
	jq -e '.results | length == 2 and all(.[]; .verified and .verified_bytes == 1048576 and .wrong_reads == 0)' \
		"$WORK/said" >/dev/null || fail "not every byte was right: $(cat "$WORK/said")"
}

# The proof is worth something only if the same trace sees the stock container.
stock_container_is_seen() {
	traced reads
	verified
	[ "$(called vfio_fops_open)" -gt 0 ] || fail "the trace missed the open of a container"
	[ "$(called vfio_fops_unl_ioctl)" -gt 2 ] || fail "the trace missed ioctls of a container"
	[ "$(called vfio_container_attach_group)" -gt 0 ] || fail "the trace missed the attach"
}

no_container_of_vfio() {
	before=$(stat -c %t:%T /dev/vfio/vfio)
	mount --bind /dev/ioasid /dev/vfio/vfio
	[ "$(stat -c %t:%T /dev/vfio/vfio)" != "$before" ] || fail "the mount did not change the node"
	(traced reads && verified) || { umount /dev/vfio/vfio; exit 1; }
	umount /dev/vfio/vfio
	expect_same "calls of VFIO's container" "$(called vfio_fops_)" 0
	[ "$(called vfio_container_attach_group)" -gt 0 ] || fail "no group was attached"
	expect_same "groups left" "$(cat /sys/module/ioasid_setcontainer/refcnt)" 0
}

# A program that checks for type1 before anything else, by either version.
v1_as_well() {
	mount --bind /dev/ioasid /dev/vfio/vfio
	status=0
	"$BENCH" nvme --device "$DISK" --type v1 --image build/vm/pattern.img --size 1M --ios 5 --json >"$WORK/said" || status=$?
	umount /dev/vfio/vfio
	expect_same status "$status" 0
	jq -e 'all(.results[]; .verified)' "$WORK/said" >/dev/null || fail "$(cat "$WORK/said")"
}

who_names_the_devices_of_the_node() {
	mount --bind /dev/ioasid /dev/vfio/vfio
	trap 'umount /dev/vfio/vfio' EXIT
	who_names "$DISK" auto
}

who_names_the_devices_of_a_group() {
	who_names "$DISK" group
}

ktap_run who_names_the_devices_of_the_node who_names_the_devices_of_a_group stock_container_is_seen no_container_of_vfio v1_as_well
