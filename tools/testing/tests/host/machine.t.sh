#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Lists about the test machine agree: its IOMMUs, and what their drivers log.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# shellcheck disable=SC2016
# iommus: the values of --iommu that vm/run takes, of every architecture.
iommus() {
	sed -n 's/^	case $iommu in \([a-z0-9|-]*\)) ;; .*/\1/p' tools/testing/vm/run | tr '|' '\n' | sort -u | grep -v -x none
}

# known TEXT: every IOMMU is a word of stdin.
known() {
	tr -c 'a-z0-9-' '\n' | sort -u >"$WORK/words"
	[ "$(iommus | wc -l)" -ge 6 ] || fail "the IOMMUs of tools/testing/vm/run could not be read"
	iommus | grep -v -x -F -f "$WORK/words" >"$WORK/bad" || :
	[ ! -s "$WORK/bad" ] || fail "$1 does not know the IOMMU $(paste -s -d ' ' "$WORK/bad")"
}

# shellcheck disable=SC2016
every_iommu_is_emulated() {
	sed -n '/^case $iommu in/,/^esac/s/^\([a-z0-9-]*\))$/\1/p' tools/testing/vm/qemu | known tools/testing/vm/qemu
	sed -n '/--iommu KIND/,/--cpus/p' tools/testing/vm/run | known 'the help of tools/testing/vm/run'
}

# shellcheck disable=SC2016
every_iommu_is_in_the_matrix() {
	{
		sed -n 's/^		for iommu in \(.*\); do/\1/p' tools/testing/matrix/run
		sed -n 's/^	set -- "$@" .* arm64\///p' tools/testing/matrix/run
	} | known tools/testing/matrix/run
	grep -o '^| `[a-z0-9-]*`: .*\|^`smmuv3` is' docs/support-matrix.md | cut -d '`' -f 2 | known docs/support-matrix.md
}

# A test that provokes a fault of an IOMMU says so; any other that causes one fails.
faults_are_splats() {
	sed -n '/^static const char \*const fault_words/,/^};/p' tools/testing/lib/fault.h |
		grep -o '"[^"]*"' | tr -d '"' >"$WORK/faults"
	[ "$(wc -l <"$WORK/faults")" -ge 5 ] || fail "fault_words[] of tools/testing/lib/fault.h could not be read"
	while read -r words; do
		grep -v '^[#-]' tools/testing/harness/splats | grep -q -F -e "$words" || echo "$words"
	done <"$WORK/faults" >"$WORK/bad"
	[ ! -s "$WORK/bad" ] || fail "not in tools/testing/harness/splats: $(paste -s -d ';' "$WORK/bad")"
}

ktap_run every_iommu_is_emulated every_iommu_is_in_the_matrix faults_are_splats
