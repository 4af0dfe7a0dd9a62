#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Which kernels `make tests` builds modules for.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# modules RELEASE: of tests, for kernels that our modules were built for.
modules() {
	make -pn -C tools/testing O="$WORK" RELEASE="$1" clean 2>/dev/null |
		sed -n 's/^all: //p' | tr ' ' '\n' |
		sed -n 's,.*/\([^/]*\)/\(ioasid_kapi\|ioasid_broken\|ioasid_noise\)\.ko$,\2 \1,p' | sort
}

# What was built for another kernel may be of sources that are gone.
for_one_kernel_alone() {
	one=$(cat build/kernels/6.12.release)
	for other in build/kernels/*.release; do
		mkdir -p "$WORK/$(cat "$other")/src" "$WORK/other/src"
		: >"$WORK/$(cat "$other")/src/Module.symvers"
		: >"$WORK/other/src/Module.symvers"
	done
	expect_same modules "$(modules "$one" | tr '\n' ' ')" \
		"ioasid_broken $one ioasid_kapi $one ioasid_noise $one "
	expect_same 'modules without a kernel' "$(modules '')" ''
}

for_a_kernel_that_ours_are_built_for() {
	rm -rf "$WORK/none"
	expect_same modules "$(modules none)" ''
}

ktap_run for_one_kernel_alone for_a_kernel_that_ours_are_built_for
