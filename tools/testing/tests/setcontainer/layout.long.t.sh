#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The layouts that the build compared are those of the kernel that runs.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

layouts_agree_with_the_running_kernel() {
	for module in ioasid_vfio ioasid_setcontainer ioasid_pci; do
		tools/env/vfio-abi "$(uname -r)" "build/$(uname -r)/$module.ko" /sys/kernel/btf/vmlinux >"$WORK/said"
		grep -q ' agrees with ' "$WORK/said" || fail "$(cat "$WORK/said")"
	done
}

ktap_run layouts_agree_with_the_running_kernel
