#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Headers of the running kernel without vmlinux: a module has BTF of /sys/kernel/btf/vmlinux,
# and the kernel accepts it. make check-operators runs it, in its row install.
. tools/testing/harness/ktap.sh
. tools/testing/lib/kbuild.sh

of_the_running_kernel() {
	bare "$(uname -r)"
	small "$WORK/small"
	"$kbuild" "$headers" "$WORK/tree" M="$WORK/small" modules >"$WORK/log" 2>&1 || fail "$(cat "$WORK/log")"
	insmod "$WORK/small/small.ko"
	[ -e /sys/kernel/btf/small ] || fail "the kernel has no BTF of it: $(cat "$WORK/log")"
	rmmod small
}

ktap_run of_the_running_kernel
