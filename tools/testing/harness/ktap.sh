# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The harness for tests written in shell. A test sources this file, defines
# one function per test and ends with
#
#	ktap_run first_test second_test ...
#
# Each test runs in a subshell with set -e: the first command that fails fails
# the test. The working directory is the project's.

# fail TEXT: ends the test, and says why.
fail() {
	echo "# $*"
	exit 1
}

# skip TEXT: ends the test without a verdict.
skip() {
	printf '%s\n' "$*" >"$KTAP_SKIP"
	exit 0
}

# expect_status N COMMAND...: the command must exit with N.
expect_status() {
	ktap_want=$1
	shift
	ktap_got=0
	"$@" || ktap_got=$?
	[ "$ktap_got" = "$ktap_want" ] || fail "'$*' exited with $ktap_got, not $ktap_want"
}

# expect_same WHAT SEEN EXPECTED: two words that must be the same.
expect_same() {
	[ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

# modules_load NAME...: loads modules this project has built, after those of
# the kernel they need, with the parameters on the kernel's command line.
modules_load() {
	for ktap_module; do
		[ ! -d "/sys/module/$ktap_module" ] || continue
		ktap_file=build/$(uname -r)/$ktap_module.ko
		[ -e "$ktap_file" ] || fail "$ktap_file is not built"
		for ktap_needed in $(modinfo -F depends "$ktap_file" | tr , ' '); do
			[ -e "build/$(uname -r)/$ktap_needed.ko" ] || modprobe "$ktap_needed"
			[ ! -e "build/$(uname -r)/$ktap_needed.ko" ] || (modules_load "$ktap_needed")
		done
		ktap_parameters=$(tr ' ' '\n' </proc/cmdline | sed -n "s/^$ktap_module\.//p")
		# shellcheck disable=SC2086
		insmod "$ktap_file" $ktap_parameters
	done
}

# modules_unload NAME...: in this order; one that is not loaded is fine.
modules_unload() {
	for ktap_module; do
		[ ! -d "/sys/module/$ktap_module" ] || rmmod "$ktap_module"
	done
}

# within TRIES COMMAND...: until it succeeds, a tenth of a second between two tries.
within() {
	ktap_tries=$1
	shift
	until "$@" 2>/dev/null; do
		ktap_tries=$((ktap_tries - 1))
		[ $ktap_tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# device_to DEVICE DRIVER: binds a PCI device to a driver, from whatever.
device_to() {
	ktap_device=/sys/bus/pci/devices/$1
	[ -e "$ktap_device" ] || fail "there is no PCI device $1"
	[ -e "/sys/bus/pci/drivers/$2" ] || modprobe "$2"
	[ ! -e "$ktap_device/driver" ] || echo "$1" >"$ktap_device/driver/unbind"
	echo "$2" >"$ktap_device/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ -e "$ktap_device/driver" ] || fail "$2 did not take $1"
}

ktap_run() {
	KTAP_SKIP=$(mktemp)
	echo "KTAP version 1"
	echo "1..$#"
	ktap_number=0
	ktap_bad=0
	for ktap_test; do
		ktap_number=$((ktap_number + 1))
		: >"$KTAP_SKIP"
		[ ! -w /dev/kmsg ] || echo "ktap: ${0##*/}: $ktap_test" >/dev/kmsg
		set +e
		(
			set -eu
			"$ktap_test"
		)
		ktap_status=$?
		if [ $ktap_status != 0 ]; then
			echo "not ok $ktap_number $ktap_test # exit status $ktap_status"
			ktap_bad=1
		elif [ -s "$KTAP_SKIP" ]; then
			echo "ok $ktap_number $ktap_test # SKIP $(cat "$KTAP_SKIP")"
		else
			echo "ok $ktap_number $ktap_test"
		fi
	done
	rm -f "$KTAP_SKIP"
	exit $ktap_bad
}
