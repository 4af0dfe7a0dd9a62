# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# What the tests of ioasid-bench share, on top of the harness.
. tools/testing/harness/ktap.sh

# shellcheck disable=SC2034 # used by those who source this file
BENCH=build/bin/ioasid-bench
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# json PROGRAM: the last run's JSON, in $OUT, must make this jq program true.
json() {
	jq -e "$1" "$OUT" >/dev/null || fail "not true: $1: $(cat "$OUT")"
}

# refused STATUS TEXT COMMAND...: exits with STATUS, prints nothing on stdout,
# and on stderr, but for progress, one line that holds TEXT; it is in $said.
refused() {
	want=$1
	text=$2
	shift 2
	status=0
	"$@" >"$WORK/stdout" 2>"$WORK/stderr" || status=$?
	expect_same "exit status of '$*'" "$status" "$want"
	[ ! -s "$WORK/stdout" ] || fail "'$*' printed something on stdout"
	lines=0
	said=
	while IFS= read -r line; do
		case $line in
		ioasid-bench:*) said=$line lines=$((lines + 1)) ;;
		esac
	done <"$WORK/stderr"
	expect_same "lines of '$*'" "$lines" 1
	case $said in
	*"$text"*) ;;
	*) fail "'$*' says: $said" ;;
	esac
}

# driver_of DEVICE: prints the name of its driver, or none.
driver_of() {
	basename "$(readlink "/sys/bus/pci/devices/$1/driver" || echo none)"
}

# disk_of DEVICE: gives an NVMe drive to the kernel's driver, without an
# override, and prints the name of its block device.
disk_of() {
	device_to "$1" nvme
	echo >"/sys/bus/pci/devices/$1/driver_override"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		for node in "/sys/bus/pci/devices/$1/nvme/nvme"*/nvme*n1; do
			if [ -b "/dev/${node##*/}" ]; then
				echo "${node##*/}"
				return
			fi
		done
		sleep 0.1
	done
	fail "no block device of $1 appeared"
}
