#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# dpdk.sh [ROW...]: DPDK's dpdk-testpmd on two network cards that are wired to each other: each
# packet one of them sends arrives at the other, and is sent again from there.
# Cards are unplugged and plugged, packets lie in memory that is not DPDK's own, and
# testpmd is killed while a second process has its container. dpdk/vfio.c, on DPDK's
# library, does with edu devices what no program of DPDK does: custom containers, and a
# second process that goes on after the first one has died.
. tools/testing/consumers/common.sh

CARD0=0000:00:10.0
CARD1=0000:00:11.0
SEEN=$OUT/dpdk.testpmd

# Commands go in over a pipe; what comes out is looked for in $SEEN.
tell() { echo "$1" >&4; }
lines() { grep -c -e "$1" "$SEEN" || :; }
said() { [ "$(lines "$1")" -gt "$2" ]; }

# ask COMMAND LAST: waits for testpmd's answer, up to a line that holds LAST.
ask() {
	asked=$(lines "$2")
	tell "$1"
	await 60 "an answer to '$1'" said "$2" "$asked"
}

# counters NAME: of both ports, in two words, as testpmd showed them last.
counters() { sed -n "s/.*$1: *\([0-9]*\).*/\1/p" "$SEEN" | tail -n 2 | paste -s -d ' '; }
show_counters() {
	ask "show port stats all" "NIC statistics for port 1"
	sleep 1
}

links_up() {
	tell "show port summary all"
	sleep 1
	[ "$(tail -n 6 "$SEEN" | grep -c ' up ')" = 2 ]
}

# Enough packets have come in on both ports when they went round many times.
flowing() {
	show_counters
	counters RX-packets | { read -r a b && [ "${a:-0}" -ge 2000 ] && [ "${b:-0}" -ge 2000 ]; }
}

# A second process takes container and groups from the first, and the cards.
secondary() {
	progress "a second process joins"
	timeout -k 5 60 dpdk-proc-info -- --stats >"$WORK/second" 2>&1 || { cat "$WORK/second"; fail "dpdk-proc-info failed"; }
	cat "$WORK/second"
	[ "$(grep -c 'RX-packets: *[1-9]' "$WORK/second")" = 2 ] || fail "dpdk-proc-info counts no packets"
}

# Every header that came in is one of those that testpmd made.
headers() {
	tell "set verbose 1"
	tell "start tx_first"
	await 60 "a printed packet" said " - dst=" 500
	tell "stop"
	await 60 "the end of forwarding" said "^Done" "$stopped"
	good=$(lines "src=52:54:00:00:00:0[12] - dst=02:00:00:00:00:0[01] .*type=0x0800 - length=64 ")
	all=$(lines " - dst=")
	[ "$good" = "$all" ] || fail "of $all packets only $good have the header they were sent with"
}

# The process that drives the cards, for what the kernel says of it.
driver_pid() { pgrep -P "$testpmd" -x dpdk-testpmd; }
vmlck() { sed -n 's/^VmLck:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(driver_pid)/status"; }
unpinned() { [ "$(pinned)" = "$before" ]; }
group_closed() { ! readlink "/proc/$(driver_pid)/fd/"* | grep -q -x "/dev/vfio/$1"; }

# start OPTION...: testpmd at its prompt; those after -- are its own, the others the library's.
start() {
	library=''
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		library="$library $1"
		shift
	done
	[ $# = 0 ] || shift
	rm -f "$WORK/in"
	mkfifo "$WORK/in"
	# shellcheck disable=SC2086
	stdbuf -oL timeout -k 5 200 dpdk-testpmd -l 0,1 --iova-mode=va -a "$CARD0" -a "$CARD1" $library -- \
		-i --nb-cores=1 --total-num-mbufs=4096 "$@" <"$WORK/in" >"$SEEN" 2>&1 &
	testpmd=$!
	trap 'cat "$SEEN"; kill -9 $(driver_pid) $testpmd 2>/dev/null || :' EXIT
	exec 4<>"$WORK/in"
	# The last line before the prompt, which messages of the cards cut in two.
	await 60 "testpmd's prompt" said "^Done" 0
}

# flow: packets go round, on both ports.
flow() {
	progress "waiting for both links"
	await 30 "the link of a card" links_up
	progress "forwarding"
	tell "clear port stats all"
	tell "start tx_first 4"
	await 90 "a flow of packets" flowing
}

# halt: no packets go round any more; none was received or sent with an error.
halt() {
	ask stop "^Done"
	show_counters
	rx=$(counters RX-packets) tx=$(counters TX-packets)
	[ "$(counters RX-errors) $(counters TX-errors)" = "0 0 0 0" ] ||
		fail "packets were received or sent with errors"
}

leave() {
	tell quit
	wait "$testpmd" || fail "testpmd exited with $?"
	trap 'cat "$SEEN"' EXIT
}

# forward OPTION...: runs testpmd with them until packets have gone round.
forward() {
	start "$@"
	flow
	case " $* " in *' --no-huge '*|*' --mp-alloc='*) ;; *) secondary ;; esac
	halt
	stopped=$(lines "^Done")
	headers
	leave
	result "rx $rx, tx $tx packets (port 0, port 1), $all headers right"
}

# unplug CARD PORT: DPDK gives the card back, and the host's driver has it for a moment.
unplug() {
	progress "unplugging $1"
	ask "port stop $2" "^Done"
	ask "port close $2" "^Done"
	ask "device detach $1" "^Device $1 is detached"
	await 10 "the end of the group" group_closed "$(basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")")"
	device_to "$1" e1000e
	device_to "$1" vfio-pci
}

plug() {
	progress "plugging $1"
	ask "port attach $1" "^Port $2 is attached"
	ask "port start $2" "^Done"
}

# /dev/ioasid keeps what is mapped without a group (docs/abi.md), and its VFIO_SET_IOMMU is there once.
keeps_mappings() {
	[ "$(pinned)" -gt "$before" ] || fail "the mappings went with the last group"
	tell "port attach $CARD0"
	await 30 "what DPDK says of a second VFIO_SET_IOMMU" said "failed to select IOMMU type" 0
	leave
	result "one card unplugged and plugged, packets; both unplugged: none can be plugged any more"
}

# One card and then both, which leaves a container without a group, and without DPDK's memory; the
# next card brings DPDK's memory back. On node no next card comes: see keeps_mappings.
hot_plug() {
	start -m 128 -- --no-mlockall
	flow
	halt
	all_locked=$(vmlck)
	unplug "$CARD1" 1
	one_locked=$(vmlck)
	plug "$CARD1" 1
	flow
	halt
	unplug "$CARD1" 1
	unplug "$CARD0" 0
	[ "$backend" != node ] || { keeps_mappings; return; }
	await 10 "the end of all pins" unpinned
	none_locked=$(vmlck)
	plug "$CARD0" 0
	plug "$CARD1" 1
	again_locked=$(vmlck)
	flow
	halt
	leave
	same "one card and both unplugged, plugged, packets each time; VmLck $all_locked, with one card $one_locked, with none $none_locked, with both again $again_locked KiB"
}

captured() { [ "$(stat -c %s "$WORK/capture" 2>/dev/null || echo 0)" -gt 10000 ]; }
ended() { ! kill -0 "$1" 2>/dev/null; }

# testpmd is killed while dpdk-dumpcap has its container and groups; then testpmd starts again.
crash() {
	start -m 128
	flow
	progress "dpdk-dumpcap joins"
	dpdk-dumpcap -i 0 -w "$WORK/capture" >"$WORK/dumpcap" 2>&1 &
	dumpcap=$!
	trap 'cat "$SEEN" "$WORK/dumpcap"; kill -9 $(driver_pid) $testpmd $dumpcap 2>/dev/null || :' EXIT
	await 60 "captured packets" captured
	progress "testpmd is killed"
	kill -9 "$(driver_pid)"
	await 60 "the end of dpdk-dumpcap" ended "$dumpcap"
	cat "$WORK/dumpcap"
	await 10 "the end of all pins" unpinned
	start -m 128
	flow
	halt
	leave
	same "killed while dpdk-dumpcap was there, all unpinned; started again, packets"
}

# same RESULT: the result, which is the same on every backend. What type1 showed stays in $OUT, for a
# later run without type1.
same() {
	result "$*"
	[ "$backend" != type1 ] || echo "$*" >"$OUT/$PROGRAM.$row.type1.seen"
	expect_same "the result on $backend" "$*" "$(cat "$OUT/$PROGRAM.$row.type1.seen")"
}

# own COMMAND...: dpdk/vfio.c, and what it prints in the end.
own() { timeout -k 5 120 build/consumers/vfio "$@"; }

containers() {
	# shellcheck disable=SC2086
	own containers $EDUS >"$WORK/own"
	same "$(tail -n 1 "$WORK/own")"
}

has_line() { grep -q -e "$2" "$1"; }

# The second process has the container, the group and the device alone, when the first one is dead.
orphan() {
	timeout -k 5 120 build/consumers/vfio primary "$EDU" >"$WORK/primary" &
	primary=$!
	mkfifo "$WORK/orphan"
	exec 5<>"$WORK/orphan"
	trap 'kill -9 $(pgrep -P $primary) 2>/dev/null || :; rm -f "$WORK/orphan"' EXIT
	await 60 "the first process" has_line "$WORK/primary" '^DMA right'
	timeout -k 5 120 build/consumers/vfio secondary "$EDU" <&5 >"$WORK/secondary" &
	secondary=$!
	await 60 "the second process" has_line "$WORK/secondary" '^joined'
	progress "the first process is killed"
	kill -9 "$(pgrep -P "$primary")"
	! wait "$primary" || fail "the first process has ended well"
	! own once "$EDU" >"$WORK/once" 2>&1 || fail "a third process has the device, which the second one still has"
	cat "$WORK/once"
	grep -q 'Device or resource busy' "$WORK/once" || fail "a third process fails with something else than EBUSY"
	echo >&5
	await 60 "the second process's work" has_line "$WORK/secondary" '^DMA right'
	echo >&5
	wait "$secondary" || fail "the second process exited with $?"
	await 10 "the end of all pins" unpinned
	own once "$EDU" >"$WORK/once"
	same "$(tail -n 1 "$WORK/primary"); EBUSY for others; $(tail -n 1 "$WORK/secondary"); a new one: $(tail -n 1 "$WORK/once")"
}

NODE=${BACKENDS:-type1 ioasid node}
BOTH=$(echo " $NODE " | sed 's/ node / /')
EDU=0000:00:06.0
# consumers/machine.sh plugs these for this script.
EDUS="$(seq -s ' ' -f '0000:00:%g.0' 13 19) $(printf '0000:00:%s.0 ' 1a 1b 1c 1d)$EDU"
# shellcheck disable=SC2086
begin "DPDK $(version dpdk-dev), dpdk-testpmd (two 82574L)" "$CARD0" "$CARD1" $EDUS
# Read by common.sh.
# shellcheck disable=SC2034
BACKENDS=$NODE
row huge "forward, IOVA as VA, hugetlbfs" forward -m 128
row no-huge "forward, IOVA as VA, --no-huge" forward -m 64 --no-huge
row plug "cards unplugged and plugged" hot_plug
# shellcheck disable=SC2034
BACKENDS=$BOTH
row xmem "external memory: --mp-alloc=xmem" forward -m 64 -- --mp-alloc=xmem
row xmemhuge "external memory: --mp-alloc=xmemhuge" forward -m 64 -- --mp-alloc=xmemhuge
row crash "killed while dpdk-dumpcap has joined" crash
TITLE="DPDK $(version libdpdk-dev), a program of ours on its library"
# shellcheck disable=SC2034
BACKENDS=$NODE
row containers "11 custom containers, 12 devices" containers
row orphan "the second process after the first one was killed" orphan
finish
