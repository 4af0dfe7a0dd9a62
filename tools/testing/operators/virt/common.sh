# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced in the VM by the rows libvirt and containers: the project is the working directory, and
# the caller has set ROW and ROWS as operators/common.sh wants them, and PROGRAM.
#
#	attempt ON WHAT COMMAND...
#
# makes a row. The command runs in a subshell with set -eu, and the last line that it prints is
# "ok", with what was seen behind it, or what is wrong. Beyond that an attempt fails when pages stay
# pinned or the kernel logged a splat; NO_SPLAT is a line of harness/splats that is none.
. tools/testing/operators/common.sh
. tools/testing/lib/session.sh
. tools/testing/lib/kernel.sh

# Programs of the project that this Debian cannot run as they are (virt/machine).
PATH=/usr/local/lib/ioasid:$PATH

PAGE=docs/operators.md
# Beside WORK, which session() empties.
OUTPUT=$(mktemp)
: "${VERSION:=-}"

use_backend() {
	case $1 in
	type1) echo N ;;
	*) echo Y ;;
	esac >/sys/module/ioasid_vfio/parameters/enabled
}

# as_before PAGES: as many pages are pinned as were then.
as_before() { [ "$(pinned)" = "$1" ]; }

# judge COMMAND...: prints "ok..." or what is wrong.
judge() {
	mark="operators: $ROW: $*"
	echo "$mark" >/dev/kmsg
	before=$(pinned)
	set +e
	(
		set -eu
		"$@"
	) >"$OUTPUT" 2>&1
	status=$?
	last=$(grep . "$OUTPUT" | tail -n 1 | sed 's/^# //')
	sed 's/^/#   | /' "$OUTPUT" >&2
	within 100 as_before "$before" || last="$(($(pinned) - before)) pages stay pinned; $last"
	splat=$(splats "$mark" ${NO_SPLAT:+-e "$NO_SPLAT"} | head -n 1)
	[ -z "$splat" ] || last="in the log: $splat; $last"
	case $status:$last in
	0:ok*|[1-9]*:[!o]*) echo "$last" ;;
	*) echo "status $status: $last" ;;
	esac
}

attempt() {
	attempt_on=$1 attempt_what=$2
	shift 2
	echo "# $(cut -d . -f 1 /proc/uptime) s: $attempt_on: $attempt_what" >&2
	row "$PROGRAM" "$VERSION" "$attempt_on" "$attempt_what" "$(judge "$@")"
}

# red ON WHAT WORDS COMMAND...: the same with a planted fault. The verdict must hold WORDS: another
# verdict is about something else, and does not show that the fault is seen.
red() {
	attempt_on=$1 attempt_what=$2 words=$3
	shift 3
	verdict=$(judge "$@")
	case $verdict in
	ok*) row "$PROGRAM" "$VERSION" "$attempt_on" "planted: $attempt_what" "it is not seen: $verdict" ;;
	*"$words"*) row "$PROGRAM" "$VERSION" "$attempt_on" "planted: $attempt_what" "ok: it is red: $verdict" ;;
	*) row "$PROGRAM" "$VERSION" "$attempt_on" "planted: $attempt_what" "something else is red: $verdict" ;;
	esac
}

# block_is FENCE N [PAGE]: that block of the page prints what the page says.
block_is() {
	FENCE=$1
	session "${3-$PAGE}" "$2"
	cat "$WORK/seen"
	echo ok
}

driver_of() { basename "$(readlink -f "/sys/bus/pci/devices/$1/driver")"; }
has_driver() { [ "$(driver_of "$1")" = "$2" ]; }

booted() {
	[ "$(cat /run/ioasid-boot)" = running ] || fail "the boot ended as '$(cat /run/ioasid-boot)': $(systemctl --failed --no-legend)"
	[ -e /sys/module/ioasid_vfio ] || fail "ioasid_vfio was not loaded at boot"
	[ "$(stat -c '%a %U:%G' /dev/ioasid)" = '660 root:kvm' ] || fail "$(stat /dev/ioasid)"
	# Not uname, which in these trees says what install.md wants to read.
	echo "ok: $(cat /proc/sys/kernel/osrelease)"
}
