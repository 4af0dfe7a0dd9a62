#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# ioasidsnoop sees every operation once, with the numbers that are true.
. tools/testing/lib/policy.sh

# snoop OPTION...: in the background, until stop; its lines go to $lines.
lines=$scratch/lines
snoop() {
	ioasidsnoop "$@" >"$lines" 2>"$scratch/snoop-error" 9>&- &
	snooper=$!
	wait_for is_attached
}

# It holds a link for each of its programs.
is_attached() {
	# shellcheck disable=SC2046
	set -- $(grep -sl '^link_type' /proc/"$snooper"/fdinfo/*)
	[ $# = 6 ]
}

stop() {
	kill -INT "$snooper"
	wait "$snooper" || fail "ioasidsnoop failed: $(cat "$scratch/snoop-error")"
	[ ! -s "$scratch/snoop-error" ] || fail "$(cat "$scratch/snoop-error")"
}

one_line_an_operation() {
	begin
	snoop -j
	"$mapper" map 16M 2M map 16M 4K unmap 20M 4K unmap 16M 2M >/dev/null
	stop
	holds -s '
		length == 4 and
		(.[0] | .op == "map" and .ret == 0 and .iova == "0x1000000" and
			.length == 2097152 and .pages == 512 and .charged == 512 and .runs >= 1 and
			.read and .write and .legacy and .comm == "mapper" and .ns_pin > 0 and
			.ns_total >= .ns_pin) and
		(.[1] | .op == "map" and .errno == "EEXIST" and .reason == "overlap") and
		(.[2] | .op == "unmap" and .length == 4096 and .pages == 0 and .ret == 0) and
		(.[3] | .op == "unmap" and .ret == 0 and .pages == 512 and .mappings == 1)
		' "$lines" || fail "$(cat "$lines")"
}

lines_for_people() {
	begin
	snoop -T
	"$mapper" map 16M 2M map 16M 4K >/dev/null
	stop
	head -n 1 "$lines" | grep -q 'TIME *PID COMM *SPACE OP *IOVA *LEN RET *REASON *RUNS *LATus'
	grep -q '^[0-9:.]* .* mapper .* map .*0x1000000 *0x200000 0 *ok ' "$lines"
	grep -q ' map .*0x1000000 *0x1000 EEXIST *overlap ' "$lines"
	grep -q ' teardown .*0x200000 0 *ok ' "$lines"
	expect_same lines "$(wc -l <"$lines")" 4
}

only_errors() {
	begin
	snoop -j -e
	"$mapper" map 16M 2M map 16M 4K unmap 16M 4K map 0x1001 4K >/dev/null
	stop
	expect_same reasons "$(jq -r .reason "$lines" | tr '\n' ' ')" 'overlap bisect align '
}

only_a_process() {
	begin
	hold map 16M 1M
	watched=$held
	snoop -j -p "$watched"
	"$mapper" map 16M 1M >/dev/null
	release
	stop
	holds -s "length == 1 and (.[0] | .op == \"teardown\" and .tgid == $watched)" "$lines" ||
		fail "$(cat "$lines")"
}

only_a_cgroup() {
	begin
	mkdir -p "$cgroups/t/a/b" "$cgroups/t/c"
	snoop -j -c /t/a
	in_cgroup /t/a "$mapper" map 16M 1M >/dev/null
	in_cgroup /t/a/b "$mapper" map 16M 2M >/dev/null
	in_cgroup /t/c "$mapper" map 16M 3M >/dev/null
	"$mapper" map 16M 4M >/dev/null
	stop
	expect_same lengths "$(jq -r 'select(.op == "map").length' "$lines" | tr '\n' ' ')" \
		'1048576 2097152 '
}

policies_come_and_go() {
	begin
	snoop -j
	load "$objects/misbehave.bpf.o" --set map_begin_value=-5000
	"$mapper" map 16M 1M >/dev/null
	wait_for grep -q error_return "$lines"
	unload misbehave
	load "$objects/misbehave.bpf.o"
	ioasidctl policy replace misbehave "$objects/misbehave.bpf.o" >/dev/null
	unload misbehave
	stop
	expect_same kinds "$(jq -r 'select(.op == "policy").kind' "$lines" | tr '\n' ' ')" \
		'load error_return load replaced unload '
	holds -s 'map(select(.kind == "error_return"))[0] |
		.name == "misbehave" and .hook == "map_begin" and .value == -5000' "$lines"
}

a_policy_refuses() {
	begin
	load "$objects/misbehave.bpf.o" --set map_begin_value=-13
	snoop -j -e
	"$mapper" map 16M 1M >/dev/null
	stop
	holds -s 'length == 1 and (.[0] | .errno == "EACCES" and .reason == "policy")' "$lines" ||
		fail "$(cat "$lines")"
}

ends_by_itself() {
	begin
	start=$(milliseconds)
	ioasidsnoop -d 1 >"$lines"
	[ $(($(milliseconds) - start)) -ge 1000 ] || fail "it was early"
	expect_same lines "$(wc -l <"$lines")" 1
}

# Nothing is lost when many map at once.
all_of_many() {
	begin
	snoop -j
	loops=
	for iova in 1M 2M 3M 4M; do
		"$mapper" loop 200 "$iova" 4K >/dev/null &
		loops="$loops $!"
	done
	# shellcheck disable=SC2086
	wait $loops
	stop
	expect_same maps "$(grep -c '"op":"map"' "$lines")" 800
	expect_same unmaps "$(grep -c '"op":"unmap"' "$lines")" 800
}

ktap_run one_line_an_operation lines_for_people only_errors only_a_process only_a_cgroup \
	policies_come_and_go a_policy_refuses ends_by_itself all_of_many
