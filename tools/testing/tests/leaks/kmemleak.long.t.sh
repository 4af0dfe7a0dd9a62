#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What was allocated and forgotten since the machine has booted. The last test
# of a run: it unloads the modules. Needs a kernel with CONFIG_DEBUG_KMEMLEAK.
. tools/testing/harness/ktap.sh

leaks=/sys/kernel/debug/kmemleak

# What is younger than five seconds is not reported.
scan() {
	[ -e "$leaks" ] || skip "the kernel has no kmemleak"
	sleep 6
	# Twice: a pointer on its way through a register hides from one scan.
	echo scan >"$leaks"
	echo scan >"$leaks"
	cat "$leaks" >/tmp/leaks
	count=$(grep -c '^unreferenced object' /tmp/leaks || :)
	[ "$count" = 0 ] && return
	sed 's/^/# /' /tmp/leaks | head -n 100
	fail "$count leaks"
}

# With the modules in place, so that a report names their functions.
while_loaded() {
	modules_load ioasid ioasid_vfio
	scan
}

# And what only the modules themselves still knew.
after_unloading() {
	modules_unload ioasid_vfio ioasid
	scan
}

ktap_run while_loaded after_unloading
