#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# DPDK's dpdk-testpmd on two network cards that are wired to each other: each
# packet one of them sends arrives at the other, and is sent again from there.
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

# forward OPTION...: runs testpmd with them until packets have gone round.
forward() {
	rm -f "$WORK/in"
	mkfifo "$WORK/in"
	timeout -k 5 200 stdbuf -oL dpdk-testpmd -l 0,1 --iova-mode=va -a "$CARD0" -a "$CARD1" "$@" -- \
		-i --nb-cores=1 --total-num-mbufs=4096 <"$WORK/in" >"$SEEN" 2>&1 &
	testpmd=$!
	trap 'cat "$SEEN"; kill -9 $testpmd 2>/dev/null || :' EXIT
	exec 4<>"$WORK/in"
	await 60 "testpmd's prompt" said "^testpmd>" 0
	progress "waiting for both links"
	await 30 "the link of a card" links_up
	progress "forwarding"
	tell "start tx_first 4"
	await 90 "a flow of packets" flowing
	case " $* " in *' --no-huge '*) ;; *) secondary ;; esac
	ask stop "^Done"
	show_counters
	rx=$(counters RX-packets) tx=$(counters TX-packets)
	[ "$(counters RX-errors) $(counters TX-errors)" = "0 0 0 0" ] ||
		fail "packets were received or sent with errors"
	stopped=$(lines "^Done")
	headers
	tell quit
	wait "$testpmd" || fail "testpmd exited with $?"
	trap 'cat "$SEEN"' EXIT
	result "rx $rx, tx $tx packets (port 0, port 1), $all headers right"
}

# Read by common.sh.
# shellcheck disable=SC2034
BACKENDS='type1 ioasid node'
begin "DPDK $(version dpdk-dev), dpdk-testpmd (two 82574L)" "$CARD0" "$CARD1"
attempt "forward, IOVA as VA, hugetlbfs" forward -m 128
attempt "forward, IOVA as VA, --no-huge" forward -m 64 --no-huge
finish
