#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Writes docs/transcript.md to stdout: a policy limits a cgroup, is replaced
# under load, misbehaves and is ejected, while a program reads a disk by DMA and
# compares every byte. 'make transcript' runs it in the test VM, on which it
# leaves nothing. Every "->" was checked; the exit status is 0 only if all held.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/build/bin:$PWD/build/fixture:$PATH

DISK=0000:00:04.0
CGROUP=/sys/fs/cgroup/vm1
# Few enough reads that a pass takes seconds also where everything is slow.
SIZE=8M
READ="--map per-io --size $SIZE --bs 128K --depth 4 --ios 1"
MODULES=build/$(uname -r)
WORK=$(mktemp -d)
reader='' storm=''

broken() {
	echo "transcript: it did not show that $*" >&2
	ioasidctl pincg list >&2 || :
	exit 1
}

leave() {
	status=$?
	trap - EXIT
	touch "$WORK/stop"
	[ -z "$storm" ] || kill "$storm" 2>/dev/null || :
	[ -z "$reader" ] || wait "$reader" || :
	rm -rf "$WORK"
	exit $status
}
trap leave EXIT
trap 'exit 130' INT TERM

# say: text of the page, from stdin.
say() { echo; cat; }

# block COMMAND...: commands that are shown, with what they print.
block() {
	printf '\n```console\n'
	"$@"
	echo '```'
}

# run COMMAND...: prints it as a person would type it, and does it.
run() {
	echo "\$ $*"
	"$@" 2>&1 || broken "'$*' works: it ended with status $?"
}

# member GROUP COMMAND...: replaces this shell by it, in that cgroup below vm1.
member() {
	echo 0 >"$CGROUP/$1/cgroup.procs"
	shift
	exec "$@"
}

# in_guest COMMAND...: as run, but in the cgroup that is limited.
in_guest() {
	echo "\$ $*"
	(member guest "$@") | tee "$WORK/seen"
}

# shows TEXT TEST...: a claim, if the test holds.
shows() {
	text=$1
	shift
	"$@" || broken "$text"
	printf '\n-> %s\n' "$text"
}

pins() {
	cat /proc/sys/vm/stat_refresh >/dev/null
	awk '$1 == "nr_foll_pin_acquired" { n += $2 } $1 == "nr_foll_pin_released" { n -= $2 }
		END { print n }' /proc/vmstat
}

# wait_for COMMAND...: until it succeeds, as long as this machine is given.
wait_for() {
	until "$@"; do
		[ ! -e "$WORK/reader.failed" ] || broken "the NVMe program goes on: $(tail -n 3 "$WORK/reader")"
		sleep 0.1
	done
}

# pincg CGROUP COLUMN: in bytes.
pincg() { ioasidctl -j pincg list | jq -r ".[] | select(.cgroup == \"$1\") | .$2"; }

seen_is() { [ "$(tr '\n' ' ' <"$WORK/seen")" = "$1 " ]; }

passes() { grep -c 'all equal$' "$WORK/reader" || :; }
# passes_since N: has another whole pass over the disk ended, and one before it?
passes_since() { [ "$(passes)" -ge $(($1 + 2)) ]; }

# The disk over and over; a map and an unmap for each read, each block compared.
read_all() {
	echo 0 >$CGROUP/disk/cgroup.procs
	while [ ! -e "$WORK/stop" ]; do
		# shellcheck disable=SC2086
		ioasid-bench nvme --device $DISK --verify "$WORK/disk.sum" $READ \
			>>"$WORK/reader" 2>&1 || { touch "$WORK/reader.failed"; return 1; }
	done
}

# --- the machine ---

before=$(pins)
modprobe -a nvme vfio-pci vfio_iommu_type1
insmod "$MODULES/ioasid.ko"
insmod "$MODULES/ioasid_vfio.ko"
has_disk() {
	for node in "/sys/bus/pci/devices/$DISK"/nvme/nvme*/nvme*n1; do node=/dev/${node##*/}; done
	[ -b "$node" ]
}
wait_for has_disk
ioasid-bench checksum --size $SIZE "$node" >"$WORK/disk.sum"
bytes=$(numfmt --from=iec $SIZE)
mkdir $CGROUP $CGROUP/disk $CGROUP/guest

cat <<'END'
# A policy's life under load

Written by [tools/transcript.sh](../tools/transcript.sh) in the test VM (`make transcript`); `make check-transcript` runs it again and
compares, numbers aside. A line that begins with `->` was checked.
END

say <<END
A program in the cgroup \`/vm1/disk\` reads an NVMe disk through VFIO, on ioasid, from now until the end: 4 reads at a time,
with a map and an unmap for each, its first $SIZE again and again, and every block is compared with checksums that were made
through the kernel's own driver. A second program beside it maps and unmaps as fast as it can.
END
start_load() {
	echo "\$ ioasid-bench nvme --device $DISK --verify disk.sum $READ &   # over and over"
	read_all &
	reader=$!
	echo "\$ mapper storm 3600000 1M 4K &"
	(member disk mapper storm 3600000 1M 4K) &
	storm=$!
	wait_for passes_since -1
}
block start_load
shows "the first pass: $bytes bytes, all equal" test "$(passes)" -ge 1

# --- load and limit ---

say <<'END'
## A policy limits a cgroup

`pincg` counts what is pinned per cgroup, and in the cgroups above. It may be loaded under load; what was pinned before is
not counted. `/vm1` may have 64M, of which its child `/vm1/guest` gets 32M, so the rest is the disk's whatever a greedy
guest does. The programs that follow are in `/vm1/guest`.
END
first_policy() {
	run ioasidctl policy load pincg
	run ioasidctl pincg set /vm1 64M
	run ioasidctl pincg set /vm1/guest 32M
	in_guest mapper map 0 8M map 1G 64M
}
block first_policy
shows "8M fit into the limit, 64M do not" seen_is 'map 0 map ENOMEM'

# --- replace ---

say <<'END'
## It is replaced without a gap

`flawed` is a later version of it ([flawed.bpf.c](../tools/testing/tests/policy/flawed.bpf.c)). The replacement is one step:
each call sees the old programs or the new ones, and the maps with limits, counts and marks are handed over. A third
program holds 8M across it.
END
mkfifo "$WORK/fifo"
(member guest mapper map 0 8M hold <"$WORK/fifo" >"$WORK/held") &
holder=$!
exec 9>"$WORK/fifo"
wait_for grep -q held "$WORK/held"
replacement() {
	seen=$(passes)
	run ioasidctl policy replace pincg build/bpf/test/flawed.bpf.o
	wait_for passes_since "$seen"
	run ioasidctl policy list
	in_guest mapper map 0 4M map 1G 64M
}
block replacement
shows "the new programs have the old limit" seen_is 'map 0 map ENOMEM'
exec 9>&-
wait "$holder"
peak=$(pincg /vm1/guest peak) denied=$(pincg /vm1/guest denied) left=$(pincg /vm1/guest used)
shows "8M that were charged to the old one were given back to the new one: the peak is $((peak >> 20))M, $left bytes are left, $denied maps were refused" \
	test "$peak" -ge $((12 << 20)) -a "$left" = 0 -a "$denied" = 2
shows "the disk's part of the limit was never refused" test "$(pincg /vm1/disk denied) $(pincg /vm1 denied)" = '0 0'

# --- misbehave ---

say <<'END'
## It misbehaves, and is ejected

The new version has a bug: asked about a mapping of exactly 13 pages, it answers that the caller should sleep for two
minutes. No hook may say so. The policy is ejected at once, and the call goes on as if it were not there.
END
logged() { dmesg | grep -q 'ioasid: policy'; }
ejection() {
	seen=$(passes)
	in_guest mapper map 0 52K
	run ioasidctl policy list
	run cat /sys/kernel/ioasid/policies/pincg/exit_kind
	run cat /sys/kernel/ioasid/policies/pincg/exit_msg
	echo "\$ dmesg | grep 'ioasid: policy' | tail -n 1"
	wait_for logged
	dmesg | sed -n 's/^\[[ 0-9.]*\] //; /ioasid: policy/p' | tail -n 1
}
block ejection
shows "the call that met the bug succeeded" seen_is 'map 0'
shows "the policy is out, and says why" \
	grep -q '^error_return$' /sys/kernel/ioasid/policies/pincg/exit_kind
unlimited() {
	in_guest mapper map 1G 64M
	wait_for passes_since "$seen"
}
say <<'END'
The built-in behaviour is back: RLIMIT_MEMLOCK, and nothing per cgroup.
END
block unlimited
shows "64M can be mapped" seen_is 'map 0'

# --- repair ---

say <<'END'
## The old one comes back

No policy counted what was unpinned after the ejection. So the replacement counts anew, with the limits it had.
END
repair() {
	seen=$(passes)
	run ioasidctl policy replace pincg pincg
	in_guest mapper map 0 8M map 1G 64M
	wait_for passes_since "$seen"
	left=$(pincg /vm1/guest used)
	run ioasidctl policy unload pincg
	run cat /sys/kernel/ioasid/last_exit
}
block repair
shows "the limit holds again, and all that was charged was given back" test "$left" = 0 -a "$(tr '\n' ' ' <"$WORK/seen")" = 'map 0 map ENOMEM '

# --- the end ---

say <<'END'
## The programs, all the while
END
finish() {
	touch "$WORK/stop"
	wait "$reader" || broken "the NVMe program read the right bytes: $(tail -n 3 "$WORK/reader")"
	reader=
	kill "$storm" || broken "the other program mapped and unmapped to the end"
	wait "$storm" || :
	storm=
	echo "\$ grep -c 'all equal$' reader.log"
	passes
}
block finish
total=$(awk '/; verified/ { for (i = 1; i < NF; i++) if ($i == "verified") n += $(i + 1) } END { printf "%.0f\n", n }' "$WORK/reader")
shows "the NVMe program compared $total bytes in $(passes) passes, and every one was right" \
	test "$total" = $((bytes * $(passes)))
shows "no pass of it failed" test ! -e "$WORK/reader.failed"
for module in ioasid_vfio ioasid; do
	unload() { rmmod "$module" 2>/dev/null; }
	wait_for unload
done
rmdir $CGROUP/disk $CGROUP/guest $CGROUP
shows "the modules are gone; pages pinned in this machine: $before before, $(pins) after" test "$(pins)" = "$before"
shows "the kernel logged no warning" test "$(dmesg | grep -c -E 'WARNING:|BUG:|Oops|Call Trace')" = 0
