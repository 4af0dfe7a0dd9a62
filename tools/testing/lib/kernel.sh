# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the kernel counts and logs, for scripts that run in the VM and are no KTAP tests.

# pinned: the pages that are pinned now.
pinned() { awk '/^nr_foll_pin_/ { n[$1] = $2 }
	END { print n["nr_foll_pin_acquired"] - n["nr_foll_pin_released"] }' /proc/vmstat; }

# splats MARK [GREP OPTION...]: the complaints of the kernel after the last line of its log
# that has MARK. The options name lines of harness/splats that are none here.
splats() {
	since=$1
	shift
	patterns=$(mktemp)
	grep -v -e '^#' -e '^-' "$@" tools/testing/harness/splats >"$patterns"
	dmesg | awk -v mark="$since" 'index($0, mark) { n = NR } { line[NR] = $0 }
		END { for (i = n + 1; i <= NR; i++) print line[i] }' | grep -F -f "$patterns" || :
	rm -f "$patterns"
}
