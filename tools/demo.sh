#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What ioasid does, in nine steps, on a machine that it may turn upside down:
# `make demo` runs this as root in the test VM. Each step prints the commands it
# runs, what they print, and one "->" line that was checked. The exit status is
# 0 only if every step showed what it claims.
#
# demo.sh [--icount-note]: the note says that nanoseconds are instructions, as
# in a VM with --icount; it goes to ioasid-bench.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/build/bin:$PATH

DISK=0000:00:04.0
SPARE=0000:00:06.0
CGROUP=/sys/fs/cgroup/demo
MODULES=build/$(uname -r)
MAPPER=build/fixture/mapper
# sh -c "$JOIN" $CGROUP COMMAND...: the command, as a member of that cgroup.
# shellcheck disable=SC2016
JOIN='echo 0 >"$0/cgroup.procs" && exec "$@"'
NOTE=${1-}
WORK=$(mktemp -d)
number=0
title="before the first step"
helper=

# Ends the demo at the step that did not show what it should.
broken() {
	echo "demo: step $number ($title) did not show it: $*" >&2
	exit 1
}

leave() {
	status=$?
	trap - EXIT
	[ -z "$helper" ] || kill "$helper" 2>/dev/null || :
	[ $status = 0 ] || echo "demo: FAILED in step $number ($title)" >&2
	rm -rf "$WORK"
	exit $status
}
trap leave EXIT
trap 'exit 130' INT TERM

step() {
	number=$((number + 1))
	title=$1
	printf '\n%d. %s\n\n' $number "$title"
}

# run COMMAND...: prints it as a person would type it, and does it.
run() {
	echo "\$ $*"
	"$@" || broken "'$*' ended with status $?"
}

# shows TEXT TEST...: the claim TEXT, if the test holds.
shows() {
	text=$1
	shift
	"$@" || broken "$text"
	echo "-> $text"
}

# Pages pinned anywhere in this machine. The counters are per CPU: fold them.
pins() {
	cat /proc/sys/vm/stat_refresh >/dev/null
	awk '$1 == "nr_foll_pin_acquired" { n += $2 } $1 == "nr_foll_pin_released" { n -= $2 }
		END { print n }' /proc/vmstat
}

# pincg COLUMN: what the policy says of the demo's cgroup.
pincg() {
	ioasidctl -j pincg list | jq -r ".[] | select(.cgroup == \"/demo\") | .$1"
}

# Locked bytes of all processes in the demo's cgroup.
locked() {
	kib=0
	while read -r pid; do
		more=$(awk '/^VmLck:/ { print $2 }' "/proc/$pid/status" 2>/dev/null || :)
		kib=$((kib + ${more:-0}))
	done <$CGROUP/cgroup.procs
	echo $((kib * 1024))
}

# wait_for WHAT COMMAND...: until it succeeds; ten seconds.
wait_for() {
	what=$1
	shift
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || broken "$what did not happen within 10 s"
		sleep 0.1
	done
}

step "Two modules beside a stock kernel, with vfio_iommu_type1 already there"
before=$(pins)
run uname -r
run modprobe -a nvme vfio-pci vfio_iommu_type1
run insmod "$MODULES/ioasid.ko"
run insmod "$MODULES/ioasid_vfio.ko"
run ioasidctl status
shows "new VFIO containers go to ioasid: the driver loaded last is asked first" \
	test "$(ioasidctl -j status | jq -r .new_containers)" = ioasid

step "Checksums of the NVMe disk, read through the kernel's own driver"
node=
disk_is_there() {
	for node in "/sys/bus/pci/devices/$DISK"/nvme/nvme*/nvme*n1; do
		node=/dev/${node##*/}
		[ ! -b "$node" ] || return 0
	done
	return 1
}
wait_for "the disk $DISK" disk_is_there
echo "\$ ioasid-bench checksum $node > disk.sum"
ioasid-bench checksum "$node" >"$WORK/disk.sum"
sed -n '1,/^data$/p' "$WORK/disk.sum"
bytes=$(blockdev --getsize64 "$node")
sums=$(grep -c -x '[0-9a-f]\{8\}' "$WORK/disk.sum")
shows "$sums checksums of 4096 bytes, which is all of the disk: $bytes bytes" \
	test $((sums * 4096)) = "$bytes"

step "A VFIO program reads every block by DMA, through pages ioasid pinned and mapped"
echo "Counting the tracepoints meanwhile, with plain bpftool:"
run bpftool prog loadall build/bpf/counts.bpf.o /sys/fs/bpf/counts autoattach
echo "\$ ioasid-bench nvme --device $DISK --verify disk.sum --ios 2000"
ioasid-bench nvme --device $DISK --verify "$WORK/disk.sum" --ios 2000 ${NOTE:+"$NOTE"} >"$WORK/nvme" ||
	broken "the reads failed"
sed "s,$WORK/,," "$WORK/nvme"
shows "ioasid answered, and not type1" grep -q '^mapped by ioasid ' "$WORK/nvme"
shows "all $bytes bytes are right, with maps made once and with a map per read" \
	test "$(grep -c "; verified $bytes bytes .*: all equal\$" "$WORK/nvme")" = 2

step "What the tracepoints saw of it"
echo "\$ bpftool map dump name events"
bpftool -j map dump name events >"$WORK/events"
jq -r '["event", "count", "failed", "pages", "us"],
	(map(.formatted // .) | sort_by(.key.name)[] |
	[.key.name, .value.count, .value.failed, .value.pages, (.value.ns / 1000 | floor)]) | @tsv' \
	"$WORK/events" | awk -F '\t' '{ printf "%-10s %8s %8s %10s %10s\n", $1, $2, $3, $4, $5 }'
event() { jq -r "map(.formatted // .)[] | select(.key.name == \"$1\") | .value.$2" "$WORK/events"; }
shows "$(event map count) maps, none failed" test "$(event map count)" -gt 2000 -a "$(event map failed)" = 0
shows "$(event pin pages) pages pinned, as many unpinned" test "$(event pin pages)" = "$(event unpin pages)"
shows "$(event charge pages) pages charged, as many given back" \
	test "$(event charge pages)" = "$(event uncharge pages)"
rm -r /sys/fs/bpf/counts

step "The BPF policy pincg accounts pinned memory per cgroup"
mkdir $CGROUP
run ioasidctl policy load pincg
run ioasidctl pincg set /demo 48M
echo "\$ ioasid-bench nvme --device $DISK --map once --bs 512K --depth 64 --irq --seconds 600 &   # in /demo"
sh -c "$JOIN" $CGROUP ioasid-bench nvme --device $DISK --map once --bs 512K --depth 64 --irq \
	--seconds 600 >"$WORK/reader" 2>&1 &
helper=$!
all_pinned() { [ "$(locked)" -gt $((32 << 20)) ]; }
wait_for "pinning 32M" all_pinned
used=$(pincg used) locked=$(locked)
run ioasidctl list
run ioasidctl pincg list
echo "\$ grep VmLck /proc/PID/status   # summed over /sys/fs/cgroup/demo/cgroup.procs"
echo "VmLck: $((locked / 1024)) kB"
shows "pincg counts $used bytes, VmLck of the running program is $locked" test "$used" = "$locked"
echo "\$ kill %1"
kill $helper
status=0
wait $helper || status=$?
helper=
shows "the program was ended by SIGTERM: pincg counts $(pincg used) bytes" \
	test "$status $(pincg used)" = "143 0"
shows "and gave the disk back to its driver" \
	test "$(basename "$(readlink -f /sys/bus/pci/devices/$DISK/driver)")" = nvme

step "A map beyond the limit is refused, and nothing stays behind"
ioasidsnoop -e >"$WORK/snoop" &
helper=$!
snoop_runs() { [ -s "$WORK/snoop" ]; }
wait_for "ioasidsnoop" snoop_runs
pinned=$(pins)
echo "/demo may pin 48M. One program maps 16M, then 64M at IOVA 1G, then unmaps; 'locked' is its VmLck."
echo "\$ mapper map 0 16M locked map 1G 64M locked unmap 0 16M locked"
sh -c "$JOIN" $CGROUP $MAPPER map 0 16M locked map 1G 64M locked unmap 0 16M locked | tee "$WORK/mapper"
said=$(tr '\n' ' ' <"$WORK/mapper")
reason_seen() { grep -q ' map .* ENOMEM .* policy ' "$WORK/snoop"; }
wait_for "the refusal in ioasidsnoop's output" reason_seen
kill $helper
wait $helper || broken "ioasidsnoop failed"
helper=
echo "\$ ioasidsnoop -e   # ran beside it"
cat "$WORK/snoop"
shows "the second map got ENOMEM, and the reason is the policy, not RLIMIT_MEMLOCK" \
	test "$said" = "map 0 locked 16777216 map ENOMEM locked 16777216 unmap 16777216 locked 0 "
shows "after the refusal VmLck was back at 16M, pincg counts $(pincg denied) refusal and $(pincg used) bytes" \
	test "$(pincg used) $(pincg denied)" = "0 1"
shows "pages pinned in this machine: $pinned before, $(pins) after" test "$(pins)" = "$pinned"

step "The policy goes, the built-in behaviour is back"
run ioasidctl policy unload pincg
run cat /sys/kernel/ioasid/last_exit
echo "\$ mapper map 1G 64M"
shows "the same map of 64M works now" test "$(sh -c "$JOIN" $CGROUP $MAPPER map 1G 64M | tee /dev/stderr)" = "map 0"

step "The same work on type1 and on ioasid"
echo vfio-pci >/sys/bus/pci/devices/$SPARE/driver_override
echo $SPARE >/sys/bus/pci/drivers_probe
run ioasid-bench compare --device $SPARE --size 128M --kind 4k,thp,hugetlb --reserve-hugepages \
	--ops 1000 --op-size 4K --repeat 3 ${NOTE:+"$NOTE"} >"$WORK/compare"
cat "$WORK/compare"
rows=$(grep -c '[0-9]x |.*[0-9]x$' "$WORK/compare" || :)
shows "$rows workloads ran on both" test "$rows" -ge 6

step "Everything unloads, and every counter is where it was"
echo $SPARE >/sys/bus/pci/drivers/vfio-pci/unbind
unloaded() { rmmod "$1" 2>/dev/null; }
echo "\$ rmmod ioasid_vfio ioasid"
wait_for "rmmod ioasid_vfio" unloaded ioasid_vfio
wait_for "rmmod ioasid" unloaded ioasid
after=$(pins)
slabs=$(grep -c '^ioasid' /proc/slabinfo || :)
shows "pages pinned: $before at the start, $after now; slab caches of ioasid left: $slabs" \
	test "$before $slabs" = "$after 0"
shows "the kernel logged no warning" \
	test "$(dmesg | grep -c -E 'WARNING:|BUG:|Oops|refcount_t|Call Trace')" = 0
printf '\nAll %d steps showed what they claim, in %d s of the VM.\n' $number "$(cut -d. -f1 /proc/uptime)"
