#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A user chooses the name of a program and of a cgroup: bytes that are not UTF-8, line
# breaks, quotes, backslashes, sequences that clear a screen or turn its direction. Each
# program prints them so that a terminal, a line and JSON stay whole, and so that the name
# differs from any other.
#
# There is a test for each program in build/bin and each command of ioasidctl: one without is
# red, by the name of the function that is missing here. host/report.t.sh has tools/perf.
# shellcheck disable=SC2016,SC1003
. tools/testing/lib/policy.sh

# 15 bytes, the most that the kernel keeps: a line break, ESC [2J, a quote, a backslash, a
# byte that is not UTF-8, CSI as one character, and a right-to-left override.
comm=$(printf 'e\n\033[2J"\\\377\302\2332\342\200\256')
comm_text='e\012\033[2J"\\377\302\2332\342\200\256'
comm_json='"e\n\u001b[2J\"\\\\377\u009b2\u202e"'
# Of a cgroup the kernel refuses a line break. The end is what it puts behind removed ones.
group=$(printf 'e\033[2J"\\\377\302\233\342\200\256 (deleted)')
group_text='e\033[2J"\\377\302\233\342\200\256 (deleted)'
group_json='"/t/e\u001b[2J\"\\\\377\u009b\u202e (deleted)"'

# evil WORD...: a mapper of that name in that cgroup, until release.
evil() { evil_by "$scratch/$comm" "$@" hold; }

evil_by() {
	cp "$mapper" "$scratch/$comm"
	where=/t/$group
	mkdir -p "$cgroups$where"
	hold_by "$@"
	where=
}

# whole FILE: what a terminal shows as it is, in lines that begin as the program meant.
whole() {
	build/fixture/whole "$1" 2>"$scratch/why" || fail "$(cat "$scratch/why") in: $(od -c "$1" | head -n 20)"
}

# quoted [FILE]: for a message: none of its lines is taken for a verdict.
quoted() { sed 's/\\/\\\\/g; s/^/| /' "$scratch/${1-out}"; }

# shows NAMES COMMAND...: its text, and what it says beside, hold these names: comm, group.
shows() {
	names=$1
	shift
	"$@" >"$scratch/out" 2>&1 9>&- || [ $? = 3 ] || fail "'$*' failed: $(quoted)"
	named
}

named() {
	whole "$scratch/out"
	for name in $names; do
		case $name in
		comm) grep -q -F "$comm_text" "$scratch/out" || fail "no name of a program in: $(quoted)" ;;
		# The first columns of it are all that a table has room for.
		comm15) grep -q -F 'e\012\033[2J"\\' "$scratch/out" || fail "no name of a program in: $(quoted)" ;;
		group) grep -q -F "/t/$group_text" "$scratch/out" || fail "no cgroup in: $(quoted)" ;;
		esac
	done
}

# tells NAMES COMMAND...: its JSON holds them.
tells() {
	names=$1
	shift
	"$@" >"$scratch/json" 9>&- || [ $? = 3 ] || fail "'$*' failed"
	told
}

told() {
	whole "$scratch/json"
	json=
	for name in $names; do
		case $name in comm) json=$json,$comm_json ;; *) json=$json,$group_json ;; esac
	done
	holds -n --argjson names "[${json#,}]" '[inputs] | length > 0 and $names - [.. | strings] == []' "$scratch/json" ||
		fail "not all of '$names' is in: $(quoted json)"
}

# ---- ioasidctl ----

ctl_status() { evil map 16M 4K; shows '' ioasidctl status; tells '' ioasidctl -j status; }
ctl_feature() { evil map 16M 4K; shows '' ioasidctl feature; tells '' ioasidctl -j feature; }
ctl_list() { evil map 16M 4K; shows comm15 ioasidctl list; tells comm ioasidctl -j list; }
ctl_holders() { evil map 16M 4K; shows comm ioasidctl holders; tells '' ioasidctl -j holders; }
ctl_help() { shows '' ioasidctl help; }

ctl_show() {
	evil map 16M 4K
	id=$(ioasidctl -j list | jq '.[0].id')
	shows 'comm group' ioasidctl show "$id"
	tells comm ioasidctl -j show "$id"
}

ctl_stale() {
	evil map 16M 4K
	id=$(ioasidctl -j list | jq '.[0].id')
	shows '' ioasidctl stale "$id"
	tells '' ioasidctl -j stale "$id"
}

# It has what other commands print, the log of the kernel, and the calls that failed.
ctl_report() {
	evil map 16M 4K map 16M 4K
	shows comm ioasidctl report
	sed -n '/^== calls that failed/,/^$/p' "$scratch/out" | grep -q -F 'e\012\033[2J' || fail "no failed call in: $(quoted)"
}

# Only a process that may not lock what it likes has a limit.
ctl_doctor() {
	evil_by prlimit --memlock=8388608 setpriv --bounding-set=-ipc_lock "$scratch/$comm" map 16M 7M hold
	shows comm ioasidctl doctor
}

doctor_as_json() {
	evil_by prlimit --memlock=8388608 setpriv --bounding-set=-ipc_lock "$scratch/$comm" map 16M 7M hold
	tells '' ioasidctl -j doctor
	holds --argjson comm "$comm_json" 'any(.[].text; contains($comm))' "$scratch/json"
}

ctl_policy_list() { load memadvise; evil map 16M 4K; shows '' ioasidctl policy list; tells '' ioasidctl -j policy list; }
ctl_policy_dump() { load memadvise; shows '' ioasidctl policy dump memadvise; tells '' ioasidctl -j policy dump memadvise; }

# Its maps hold names of programs.
ctl_policy_show() {
	load memadvise
	evil map 16M 4M
	shows comm ioasidctl policy show memadvise
	tells comm ioasidctl -j policy show memadvise
}

# What is no name of a policy is said in the message.
ctl_policy_load() { repeats ioasidctl policy load "$comm"; repeats ioasidctl -j policy load "$comm"; }
ctl_policy_replace() { repeats ioasidctl policy replace "$comm" pincg; repeats ioasidctl -j policy replace "$comm" pincg; }
ctl_policy_unload() { repeats ioasidctl policy unload "$comm"; repeats ioasidctl -j policy unload "$comm"; }

repeats() {
	"$@" >"$scratch/out" 2>&1 9>&- && fail "'$*' succeeded"
	expect_same "lines of '$*'" "$(wc -l <"$scratch/out")" 1
	if [ "$2" = -j ]; then holds -n --argjson comm "$comm_json" 'input.error | contains($comm)' "$scratch/out"
	else names='comm'; named; fi
}

ctl_pincg_list() { load pincg; evil map 16M 4K; shows group ioasidctl pincg list; tells group ioasidctl -j pincg list; }
ctl_pincg_prune() { load pincg; shows '' ioasidctl pincg prune; tells '' ioasidctl -j pincg prune; }

# Nothing has that path yet: a note says so.
ctl_pincg_set() {
	load pincg
	shows group ioasidctl pincg set "/t/$group" 1M
	tells group ioasidctl -j pincg set "/t/$group" 1M
	shows group ioasidctl pincg list
}

ctl_stats_on() { evil map 16M 4K; shows '' ioasidctl stats on; shows '' ioasidctl stats off; }
ctl_stats_off() { :; }	# with the one above
ctl_stats_total() { ioasidctl stats on >/dev/null; evil map 16M 4K; shows '' ioasidctl stats total; tells '' ioasidctl -j stats total; ioasidctl stats off >/dev/null; }

ctl_metrics() {
	load pincg
	evil map 16M 4K
	shows '' ioasidctl metrics --processes
	grep -q -F 'kind="ioasid",pid="'"$held"'",comm="e\\012\\033[2J\"\\\\377\\302\\2332\\342\\200\\256"} 4096' \
		"$scratch/out" || fail "$(quoted | grep comm)"
	promtool check metrics <"$scratch/out"
	grep -q -F 'ioasid_cgroup_pinned_bytes{cgroup="/t/e\\033[2J\"\\\\377\\302\\233\\342\\200\\256 (deleted)"} 4096' \
		"$scratch/out" || fail "$(grep cgroup "$scratch/out")"
}

# ---- observers: each is attached, then something happens ----

# during MARK COMMAND...: when its output has that text the mapper maps, and it is ended.
during() {
	mark=$1
	shift
	"$@" >"$scratch/seen" 2>"$scratch/err" 9>&- &
	watcher=$!
	wait_for has_links
	[ -z "$mark" ] || wait_for grep -q "$mark" "$scratch/seen" "$scratch/err"
	evil map 16M 4K
	kill -INT "$watcher"
	wait "$watcher" || fail "'$*' failed: $(cat "$scratch/err")"
	release
}

has_links() { grep -sq '^link_type' /proc/"$watcher"/fdinfo/*; }

observed() { during "$@"; cat "$scratch/seen" "$scratch/err" >"$scratch/out"; named; }
observed_json() { during "$@"; cp "$scratch/seen" "$scratch/json"; told; }

bin_ioasidsnoop() {
	names='comm15' observed PID ioasidsnoop
	names='comm' observed_json '' ioasidsnoop -j
}

bin_ioasidtop() {
	names='comm15 group' observed PID ioasidtop -C 1
	names='comm group' observed_json lost ioasidtop -j 1
}

bin_ioasidlat() {
	names='group' observed Timing ioasidlat -b cgroup
	names='' observed_json '' ioasidlat -j -b cgroup
}

bin_ioasidstat() {
	names='' observed PINNED ioasidstat 1
	names='' observed_json '' ioasidstat -j 1
}

bin_ioasidwho() {
	evil map 16M 4K
	shows 'comm15 group' ioasidwho
	shows 'comm15 group' ioasidwho -c "/t/$group"
	tells 'comm group' ioasidwho -j
}

bin_ioasidctl() { :; }	# all its commands are above
bin_ioasid_bench() { :; }	# prints what it has done itself

# ---- without a program of ours ----

files_of_the_kernel() {
	evil map 16M 4K
	shows '' cat /sys/kernel/debug/ioasid/spaces
	shows '' sed 's/\t/ /g' /proc/"$held"/fdinfo/*
	grep -q '^ioasid-owner: ' "$scratch/out"
}

iterator_as_text() {
	evil map 16M 4K
	bpftool iter pin build/bpf/ioasidwho.bpf.o /sys/fs/bpf/who
	shows '' cat /sys/fs/bpf/who
	rm /sys/fs/bpf/who
	expect_same 'lines of the iterator' "$(grep -c -v ' ioasid ioasid 0x[0-9a-f]* -1 0x0 ' "$scratch/out")" 0
}

# ---- which there must be ----

cases() {
	ioasidctl help | sed -n '/^usage/d; /^observers/q
		s/^  \(policy\|pincg\|stats\) \([a-z]*\).*/ctl_\1_\2/p; t; s/^  \([a-z][a-z]*\) .*/ctl_\1/p'
	for program in build/bin/ioasid*; do basename "$program" | tr - _ | sed 's/^/bin_/'; done
}

for name in $(cases) doctor_as_json files_of_the_kernel iterator_as_text; do
	eval "test_$name() { begin; $name; }"
	tests="${tests-} test_$name"
done
# shellcheck disable=SC2086
ktap_run $tests
