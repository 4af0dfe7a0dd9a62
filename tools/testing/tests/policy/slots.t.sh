#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# pincg on a host that lives long: cgroups are created and removed, and its slots with
# them. slots.max_entries counts slot 0, which no cgroup has; the root takes one as well.
. tools/testing/lib/policy.sh

M=1048576

lines_of() { "$@" | tr '\n' ' '; }

# lives NAME N: what so many starts of a guest came to.
lives() { MAPPER_CGROUP=$cgroups/t/$1 "$mapper" lives "$2" 16M 4K; }

# keep CGROUP WORD...: a mapper there that stays until the end of the test.
keep() {
	keep_where=$1
	shift
	mkdir -p "$cgroups$keep_where"
	(
		echo 0 >"$cgroups$keep_where/cgroup.procs"
		exec "$mapper" "$@" sleep 60000 >/dev/null
	) &
	kept="$kept $!"
	wait_for at_least "$keep_where" used 4096
}
at_least() { [ "$(usage "$1" "$2")" -ge "$3" ]; }

keep_end() {
	# shellcheck disable=SC2086
	kill $kept 2>/dev/null || :
	# shellcheck disable=SC2086
	wait $kept 2>/dev/null || :
	kept=
}

nothing_is_used() {
	ioasidctl -j pincg list | holds 'all(.used == 0 and .own == 0)'
}

removed_cgroups_make_room() {
	begin
	load pincg --set slots.max_entries=8
	mkdir "$cgroups/t"
	for round in 1 2 3; do
		expect_same "round $round" "$(lives vm 5)" 'lives 5 0'
	done
	hold -c /t/a map 16M 2M
	expect_same 'used by /t/a' "$(usage /t/a used)" $((2 * M))
	expect_same 'used by /t' "$(usage /t used)" $((2 * M))
	release
	nothing_is_used || fail "$(ioasidctl pincg list)"
}

# What is known of those that live goes last.
removed_cgroups_go_first() {
	begin
	load pincg --set slots.max_entries=12
	mkdir -p "$cgroups/t/a"
	ioasidctl pincg set /t/a 4K
	expect_map 'map ENOMEM' in_cgroup /t/a "$mapper" map 16M 8K
	expect_same 'starts of a guest' "$(lives vm 20)" 'lives 20 0'
	expect_same 'denied by /t/a' "$(usage /t/a denied)" 1
}

# No slot is taken from one that holds pages, whether it lives or not.
used_slots_stay() {
	begin
	kept=
	load pincg --set slots.max_entries=7
	mkdir "$cgroups/t"
	ioasidctl pincg set /t 12K
	trap 'keep_end; clean' EXIT
	for i in a b c; do keep "/t/$i" map 16M 4K; done
	# 0, the root, /t, three that hold, and one more.
	mkdir "$cgroups/t/d"
	expect_map 'map ENOMEM' in_cgroup /t/d "$mapper" map 16M 4K
	expect_same 'denied by /t' "$(usage /t denied)" 1
	expect_map 'map ENOMEM' in_cgroup /t/e "$mapper" map 16M 4K
	keep_end
	expect_same 'starts of a guest' "$(lives vm 1)" 'lives 1 0'
	nothing_is_used || fail "$(ioasidctl pincg list)"
}

full_means_refused() {
	begin
	kept=
	load pincg --set slots.max_entries=5
	trap 'keep_end; clean' EXIT
	keep /t/a map 16M 4K
	keep /t/b map 16M 4K
	expect_map 'map ENOMEM' in_cgroup /t/c "$mapper" map 16M 4K
	expect_same 'what /t/c holds' "$(usage /t/c used)" 0
	keep_end
	expect_map 'map 0' in_cgroup /t/c "$mapper" map 16M 4K
}

# Of any policy's maps, and of pincg's slots.
doctor_tells() {
	begin
	load pincg --set slots.max_entries=2 --set paths.max_entries=1
	ioasidctl pincg set /t 1M 2>/dev/null
	expect_map 'map ENOMEM' in_cgroup /t/c "$mapper" map 16M 4K
	ioasidctl doctor >"$scratch/doctor" || :
	expect_line "$scratch/doctor" 'pincg refused 1 charges because no slot was free'
	expect_line "$scratch/doctor" '--set slots.max_entries='
	expect_line "$scratch/doctor" 'the map paths of pincg has 1 of 1 entries'
}

# Slots change hands all the time, on both processors, and no charge is lost.
slots_change_hands() {
	begin
	# 0, the root, /t, four times three, two: one more than is needed at any time.
	# shellcheck disable=SC2046
	load pincg --set slots.max_entries=18 $(patience)
	mkdir "$cgroups/t"
	ioasidctl pincg set /t 24K
	for name in a b c d; do
		lives "$name" 40 >"$scratch/lives-$name" &
	done
	for name in e f; do
		in_cgroup "/t/$name" "$mapper" storm 2000 16M 4K >"$scratch/storm-$name" &
	done
	wait
	expect_same 'starts of guests' "$(lines_of cat "$scratch"/lives-*)" \
		'lives 40 0 lives 40 0 lives 40 0 lives 40 0 '
	for name in e f; do
		case $(cat "$scratch/storm-$name") in
		*' 0') ;;
		*) fail "some were refused: $(cat "$scratch/storm-$name")" ;;
		esac
	done
	expect_same state "$(attribute pincg state)" enabled
	peak=$(usage /t peak)
	[ "$peak" -le 24576 ] || fail "the limit was passed: $peak"
	nothing_is_used || fail "$(ioasidctl pincg list)"
	ioasidctl pincg prune >/dev/null
	expect_same 'cgroups that are left' "$(ioasidctl -j pincg list | jq -c '[.[].cgroup] | sort')" \
		"$(known_of / /t /t/e /t/f)"
	ioasidctl policy unload pincg >/dev/null
}
# Those of them that had to give their slots to others are not listed.
known_of() {
	ioasidctl -j pincg list | jq -c --arg all "$*" '($all | split(" ")) as $a | [.[].cgroup] | sort |
		if all(. as $c | $a | index($c)) then . else "others as well" end'
}

# Fewer slots than cgroups that map all the time: each takes those of the others.
slots_are_fought_for() {
	begin
	load pincg --set slots.max_entries=6
	mkdir "$cgroups/t"
	ioasidctl pincg set /t 24K
	for name in a b c d e f; do
		in_cgroup "/t/$name" "$mapper" storm 4000 16M 4K >>"$scratch/storms" &
	done
	wait
	expect_same state "$(attribute pincg state)" enabled
	made=0
	while read -r _ n _; do made=$((made + n)); done <"$scratch/storms"
	echo "# $made mappings, refused: $(cut -d ' ' -f 3 "$scratch/storms" | tr '\n' ' ')"
	nothing_is_used || fail "$(ioasidctl pincg list)"
	# What was charged to one and given back to another would be left.
	for name in a b c d e f; do
		expect_map 'map 0' in_cgroup "/t/$name" "$mapper" map 16M 24K
	done
}

# A limit is about a path, not about the cgroup that has the slot.
limits_survive_the_slot() {
	begin
	load pincg --set slots.max_entries=7
	mkdir -p "$cgroups/t/a"
	ioasidctl pincg set /t/a 4K
	for round in 1 2; do
		expect_map 'map ENOMEM' in_cgroup /t/a "$mapper" map 16M 8K
		for i in b c d e f; do
			expect_map 'map 0' in_cgroup "/t/$i" "$mapper" map 16M 8K
		done
	done
}

ktap_run removed_cgroups_make_room removed_cgroups_go_first used_slots_stay \
	full_means_refused doctor_tells slots_change_hands slots_are_fought_for \
	limits_survive_the_slot
