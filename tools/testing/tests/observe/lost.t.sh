#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What an observer could not keep, it says: on stderr, in its JSON, and with its exit
# status. A reader that is stopped, with a small ring, loses events for sure; the kernel's
# own count of them says how many there were.
# shellcheck disable=SC2016
. tools/testing/lib/policy.sh

TRACING=/sys/kernel/tracing

# watch TOOL OPTION...: in the background, attached; its output in $scratch/out and err.
watch() {
	"$@" >"$scratch/out" 2>"$scratch/err" 9>&- &
	watcher=$!
	wait_for has_links "$1"
	# It opens the ring after that, or prints what it does then.
	case $1 in
	ioasidsnoop) [ "$2" = -j ] || wait_for test -s "$scratch/out" ;;
	esac
}

# Some end before that: what they print first cannot be written.
has_links_or_ended() { has_links || ! readlink "/proc/$watcher/exe" >/dev/null; }

has_links() { grep -sq '^link_type' /proc/"$watcher"/fdinfo/*; }

# ended STATUS: it is asked to end, and ends so.
ended() {
	kill -INT "$watcher"
	kill -CONT "$watcher"
	status=0
	wait "$watcher" || status=$?
	expect_same "the exit status ($(cat "$scratch/err"))" "$status" "$1"
}

# flood N: of N maps and unmaps, while the watcher stands still; counted by the kernel.
flood() {
	for event in ioasid_map_done ioasid_unmap_done; do
		echo 'hist:keys=common_cpu' >"$TRACING/events/ioasid/$event/trigger"
	done
	kill -STOP "$watcher"
	"$mapper" loop "$1" 16M 4K >/dev/null
	happened=0
	for event in ioasid_map_done ioasid_unmap_done; do
		happened=$((happened + $(sed -n 's/^ *Hits: //p' "$TRACING/events/ioasid/$event/hist")))
		echo '!hist:keys=common_cpu' >"$TRACING/events/ioasid/$event/trigger"
	done
	[ "$happened" -ge $((2 * $1)) ] || fail "only $happened events happened"
}

said() { grep -q "$1" "$scratch/err" || fail "not on stderr: $1: $(cat "$scratch/err")"; }

said_nothing() { [ ! -s "$scratch/err" ] || fail "it says $(cat "$scratch/err")"; }

snoop_counts_what_it_lost() {
	begin
	watch ioasidsnoop -j --ring 4K
	flood 200
	ended 3
	said '^{"warning":".*[0-9] events were lost.*--ring'
	holds -s --argjson happened "$happened" '(map(select(.op == "lost").lost) | add) as $lost |
		$lost > 0 and $lost + (map(select(.op != "lost")) | length) == $happened' "$scratch/out" ||
		fail "of $happened: $(jq -c 'select(.op == "lost")' "$scratch/out"), $(wc -l <"$scratch/out") lines"
}

snoop_tells_people() {
	begin
	watch ioasidsnoop --ring 4K
	flood 200
	ended 3
	said '^ioasidsnoop: [0-9]* events were lost'
}

# The ring of its own choice, and filters, which the kernel applies before the ring.
snoop_loses_nothing() {
	begin
	watch ioasidsnoop -j --ring 16M
	flood 200
	ended 0
	said_nothing
	expect_same lines "$(wc -l <"$scratch/out")" "$happened"
}

filters_come_before_the_ring() {
	begin
	mkdir "$cgroups/t"
	for filter in -e '-p 1' '-c /t' '-o attach,detach,policy,error' '-o teardown'; do
		# shellcheck disable=SC2086
		watch ioasidsnoop -j --ring 4K $filter
		flood 200
		ended 0
		said_nothing
		[ "$(grep -c -v '"op":"teardown"' "$scratch/out")" = 0 ] || fail "with $filter: $(head -n 1 "$scratch/out")"
	done
}

only_these_operations() {
	begin
	watch ioasidsnoop -j -o unmap,teardown
	"$mapper" map 16M 64K map 16M 4K unmap 32M 4K map 64M 4K unmap 16M 64K >/dev/null
	ended 0
	expect_same operations "$(jq -r .op "$scratch/out" | tr '\n' ' ')" 'unmap unmap teardown '
	expect_status 2 ioasidsnoop -o nonsense 2>"$scratch/err"
	said "'nonsense'.*map, unmap"
	expect_status 2 ioasidsnoop --ring 1 2>/dev/null
}

# A flood has no end for one who only reads until nothing is left.
snoop_ends_in_a_flood() {
	begin
	"$mapper" storm 60000 16M 4K >/dev/null &
	storm=$!
	trap 'kill "$storm" 2>/dev/null; clean' EXIT
	ioasidsnoop -j -d 1 >/dev/null 2>&1 || expect_same 'the exit status' $? 3
	kill -0 "$storm" || fail 'it ended only with the flood'
}

# One line in their tables, and three processes that want one.
tables_that_are_full() {
	begin
	watch ioasidtop -j --table 1 1000
	loops 3
	ended 3
	said '"warning":".* calls were lost.*--table'
	holds '.lost > 0 and (.rows | map(select(.maps > 0)) | length) == 1' "$scratch/out" || fail "$(cat "$scratch/out")"
	watch ioasidlat -j --table 2 -b process
	loops 2
	ended 3
	said '"warning":".* times were lost.*--table'
	holds '.lost > 0 and (.histograms | length) == 2' "$scratch/out" || fail "$(cat "$scratch/out")"
	watch ioasidlat -b process
	loops 2
	ended 0
	watch ioasidtop -j 1000
	loops 2
	ended 0
	holds '.lost == 0' "$scratch/out"
}

loops() {
	for i in $(seq "$1"); do "$mapper" loop 2 "${i}M" 4K >/dev/null; done
}

no_escapes_into_a_pipe() {
	begin
	ioasidtop -d 1 | cat >"$scratch/out"
	grep -q 'PID *COMM' "$scratch/out"
	! grep -q "$(printf '\033')" "$scratch/out" || fail 'there is an escape sequence'
	script -q -c 'ioasidtop -d 1' "$scratch/typed" >/dev/null
	grep -q "$(printf '\033')" "$scratch/typed" || fail 'a screen is not cleared'
}

# What cannot be written is an error, and is said once.
a_full_disk() {
	begin
	for command in 'ioasidsnoop' 'ioasidsnoop -j' 'ioasidtop -j 1' 'ioasidstat 1' 'ioasidlat' 'ioasidwho'; do
		# shellcheck disable=SC2086
		$command -d 3 >/dev/full 2>"$scratch/err" &
		watcher=$!
		[ "$command" = ioasidwho ] || wait_for has_links_or_ended
		"$mapper" map 16M 4K >/dev/null
		status=0
		wait "$watcher" || status=$?
		expect_same "the exit status of '$command'" "$status" 1
		grep -v Timing "$scratch/err" >"$scratch/error"
		expect_same "lines of '$command'" "$(wc -l <"$scratch/error")" 1
		expect_line "$scratch/error" 'No space left on device'
	done
}

ktap_run snoop_counts_what_it_lost snoop_tells_people snoop_loses_nothing \
	filters_come_before_the_ring only_these_operations snoop_ends_in_a_flood \
	tables_that_are_full no_escapes_into_a_pipe a_full_disk
