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

# in_vm1 COMMAND...: the same, as a member of that cgroup.
in_vm1() {
	echo "\$ $*"
	(echo 0 >$CGROUP/cgroup.procs && exec "$@") | tee "$WORK/seen"
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

wait_for() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || broken "'$*' comes true within a minute"
		sleep 0.1
	done
}

# pincg COLUMN: of the cgroup, in bytes.
pincg() { ioasidctl -j pincg list | jq -r ".[] | select(.cgroup == \"/vm1\") | .$1"; }

seen_is() { [ "$(tr '\n' ' ' <"$WORK/seen")" = "$1 " ]; }

passes() { grep -c 'all equal$' "$WORK/reader" || :; }
# passes_since N: has another whole pass over the disk ended, and one before it?
passes_since() { [ "$(passes)" -ge $(($1 + 2)) ] || [ -e "$WORK/reader.failed" ]; }

# The disk over and over; a map and an unmap for each read, each block compared.
read_all() {
	echo 0 >$CGROUP/cgroup.procs
	while [ ! -e "$WORK/stop" ]; do
		ioasid-bench nvme --device $DISK --verify "$WORK/disk.sum" --map per-io \
			--bs 64K --depth 4 --ios 1 >>"$WORK/reader" 2>&1 || { touch "$WORK/reader.failed"; return 1; }
	done
}

# --- the machine ---

before=$(pins)
modprobe -a nvme vfio-pci vfio_iommu_type1
insmod "$MODULES/ioasid.ko"
insmod "$MODULES/ioasid_vfio.ko"
for node in "/sys/bus/pci/devices/$DISK"/nvme/nvme*/nvme*n1; do node=/dev/${node##*/}; done
wait_for test -b "$node"
ioasid-bench checksum "$node" >"$WORK/disk.sum"
bytes=$(blockdev --getsize64 "$node")
mkdir -p $CGROUP

cat <<'END'
# A policy's life under load

Written by [tools/transcript.sh](../tools/transcript.sh) in the test VM (`make transcript`); `make check-transcript` runs it again and
compares, numbers aside. A line that begins with `->` was checked.
END

say <<END
A program in the cgroup \`/vm1\` reads an NVMe disk through VFIO, on ioasid, from now until the end: 4 reads at a time,
with a map and an unmap for each, all of the disk again and again, and every block is compared with checksums that were
made through the kernel's own driver. A second program maps and unmaps as fast as it can.
END
start_load() {
	echo "\$ ioasid-bench nvme --device $DISK --verify disk.sum --map per-io --bs 64K --depth 4 --ios 1 &   # over and over"
	read_all &
	reader=$!
	echo "\$ mapper storm 600000 1M 4K &"
	(echo 0 >$CGROUP/cgroup.procs && exec mapper storm 600000 1M 4K) &
	storm=$!
	wait_for passes_since -1
}
block start_load
shows "the first pass: $bytes bytes, all equal" test "$(passes)" -ge 1

# --- load and limit ---

say <<'END'
## A policy limits the cgroup

`pincg` counts what is pinned per cgroup. It may be loaded under load; what was pinned before is not counted.
END
first_policy() {
	run ioasidctl policy load pincg --set timeout_us=1000000
	run ioasidctl pincg set /vm1 32M
	in_vm1 mapper map 0 8M map 1G 64M
}
block first_policy
shows "8M fit into the limit, 64M do not" seen_is 'map 0 map ENOMEM'

# --- replace ---

say <<'END'
## It is replaced, and nobody notices

`flawed` is a later version of it ([flawed.bpf.c](../tools/testing/policy/flawed.bpf.c)). The replacement is one step:
each call sees the old programs or the new ones, and the maps with limits, counts and marks are handed over. A third
program holds 8M across it.
END
mkfifo "$WORK/fifo"
(echo 0 >$CGROUP/cgroup.procs && exec mapper map 0 8M hold <"$WORK/fifo" >"$WORK/held") &
holder=$!
exec 9>"$WORK/fifo"
wait_for grep -q held "$WORK/held"
replacement() {
	seen=$(passes)
	run ioasidctl policy replace pincg build/bpf/test/flawed.bpf.o
	wait_for passes_since "$seen"
	run ioasidctl policy list
	in_vm1 mapper map 0 4M map 1G 64M
}
block replacement
shows "the new programs have the old limit" seen_is 'map 0 map ENOMEM'
exec 9>&-
wait "$holder"
peak=$(pincg peak)
shows "8M that were charged to the old one were given back to the new one: the peak is $((peak >> 20))M, $(pincg denied) maps were refused" \
	test "$peak" -ge $((8 << 20)) -a "$(pincg denied)" = 2

# --- misbehave ---

say <<'END'
## It misbehaves, and is ejected

The new version has a bug: asked about a mapping of exactly 13 pages, it answers that the caller should sleep for two
minutes. No hook may say so. The policy is ejected at once, and the call goes on as if it were not there.
END
ejection() {
	in_vm1 mapper map 0 52K
	run ioasidctl policy list
	run cat /sys/kernel/ioasid/policies/pincg/exit_kind
	run cat /sys/kernel/ioasid/policies/pincg/exit_msg
	echo "\$ dmesg | grep 'ioasid: policy' | tail -n 1"
	dmesg | sed -n 's/^\[[ 0-9.]*\] //; /ioasid: policy/p' | tail -n 1
}
block ejection
shows "the call that met the bug succeeded" seen_is 'map 0'
shows "the policy is out, and says why" \
	grep -q '^error_return$' /sys/kernel/ioasid/policies/pincg/exit_kind
unlimited() { in_vm1 mapper map 1G 64M; }
say <<'END'
The built-in behaviour is back: RLIMIT_MEMLOCK, and nothing per cgroup.
END
block unlimited
shows "64M can be mapped" seen_is 'map 0'

# --- repair ---

say <<'END'
## The old one comes back
END
repair() {
	seen=$(passes)
	run ioasidctl policy replace pincg pincg --set timeout_us=1000000
	in_vm1 mapper map 1G 64M
	wait_for passes_since "$seen"
	run ioasidctl policy unload pincg
	run cat /sys/kernel/ioasid/last_exit
}
block repair
shows "the limit holds again" seen_is 'map ENOMEM'

# --- the end ---

say <<'END'
## The programs, all the while
END
finish() {
	touch "$WORK/stop"
	wait "$reader" || broken "the NVMe program read the right bytes: $(tail -n 3 "$WORK/reader")"
	reader=
	kill "$storm"
	wait "$storm" || :
	storm=
	echo "\$ grep -c 'all equal$' reader.log"
	passes
}
block finish
total=$(awk '/; verified/ { for (i = 1; i < NF; i++) if ($i == "verified") n += $(i + 1) } END { printf "%.0f\n", n }' "$WORK/reader")
shows "the NVMe program compared $total bytes in $(passes) passes over the disk, and every one was right" \
	test "$total" = $((bytes * $(passes)))
shows "no pass of it failed" test ! -e "$WORK/reader.failed"
for module in ioasid_vfio ioasid; do
	unload() { rmmod "$module" 2>/dev/null; }
	wait_for unload
done
rmdir $CGROUP
shows "the modules are gone; pages pinned in this machine: $before before, $(pins) after" test "$(pins)" = "$before"
shows "the kernel logged no warning" test "$(dmesg | grep -c -E 'WARNING:|BUG:|Oops|Call Trace')" = 0
