#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The command line of ioasidctl and ioasidsnoop: output for people and for
# machines, and errors that say what to do.
. tools/testing/lib/policy.sh

wrong_usage() {
	begin
	refuses 2 'needs a command' ioasidctl
	refuses 2 "'nonsense' is not a command" ioasidctl nonsense
	refuses 2 'policy needs a command' ioasidctl policy
	refuses 2 "'policy nonsense' is not a command" ioasidctl policy nonsense
	refuses 2 'usage: ioasidctl policy load' ioasidctl policy load
	refuses 2 'usage: ioasidctl policy load' ioasidctl policy load one two
	refuses 2 'unknown option' ioasidctl --nonsense
	refuses 2 'value is missing' ioasidctl policy load pincg --set
	refuses 2 'is for' ioasidctl list --set x=1
	refuses 2 'is not a limit' ioasidctl pincg set / 12q
	refuses 2 'no process id' ioasidsnoop -p x
	refuses 2 'not a number of seconds' ioasidsnoop -d 0
	refuses 2 'one argument too many' ioasidsnoop x
}

help_and_version() {
	begin
	ioasidctl --help | grep -q 'usage: ioasidctl'
	ioasidctl help | grep -q 'policy replace'
	ioasidctl --version | grep -q '^ioasidctl [0-9]'
	ioasidsnoop --help | grep -q 'usage: ioasidsnoop'
	ioasidsnoop --version | grep -q '^ioasidsnoop [0-9]'
}

bad_objects() {
	begin
	refuses 1 "no policy 'nonsense' is installed" ioasidctl policy load nonsense
	refuses 1 'cannot read' ioasidctl policy load /tmp/nonsense.o
	refuses 1 'is not a BPF object' ioasidctl policy load ./build/bin/ioasidctl
	refuses 1 'holds no policy' ioasidctl policy load build/bpf/counts.bpf.o
	refuses 1 'more than one policy' ioasidctl policy load "$objects/refused.bpf.o"
	refuses 1 'is in SEC(".struct_ops")' ioasidctl policy load "$objects/nolink.bpf.o"
	refuses 1 'has no name' ioasidctl policy load "$objects/noname.bpf.o"
	refuses 1 "the program 'sleeper': attach to unsupported member map_begin" \
		ioasidctl policy load "$objects/sleeper.bpf.o"
	[ -z "$(ls "$policies")" ] || fail "something was loaded"
}

bad_settings() {
	begin
	refuses 1 "has no variable 'x': it has default_limit" ioasidctl policy load pincg --set x=1
	refuses 1 'not of the form' ioasidctl policy load pincg --set x
	refuses 1 "'q' is not a number" ioasidctl policy load pincg --set default_limit=q
	refuses 1 "'-1' is not a number" ioasidctl policy load pincg --set default_limit=-1
	refuses 1 'does not fit' ioasidctl policy load adaptbatch --set target_us=5000000000
	refuses 1 'longer than 31' ioasidctl policy load pincg \
		--set name=0123456789012345678901234567890123456789
	refuses 1 'cannot be the name' ioasidctl policy load pincg --set name=a/b
	[ -z "$(ls "$policies")" ] || fail "something was loaded"
}

settings_arrive() {
	begin
	load pincg --set default_limit=64M --set flags=ACCOUNT --set timeout_us=0x1000
	expect_same default_limit "$(variable pincg default_limit)" 67108864
	expect_same flags "$(attribute pincg flags)" 0x1
	ioasidctl -j policy show pincg | holds '.timeout_us == 4096 and .flags == "ACCOUNT"'
}

unknown_policies() {
	begin
	refuses 1 "no policy 'pincg' is loaded" ioasidctl policy unload pincg
	refuses 1 "no policy 'pincg' is loaded" ioasidctl policy show pincg
	refuses 1 "no policy 'pincg' is loaded" ioasidctl policy replace pincg pincg
	refuses 1 "no policy '../..' is loaded" ioasidctl policy show ../..
	refuses 1 'pincg is not loaded' ioasidctl pincg list
	load pincg
	refuses 1 'not a directory of the cgroup' ioasidctl pincg set cgroup.procs 4M
}

without_the_rights() {
	begin
	refuses 1 'run this as root' setpriv --reuid 1000 --clear-groups ioasidctl policy load pincg
	refuses 1 'run this as root' setpriv --reuid 1000 --clear-groups ioasidctl policy unload x
	refuses 1 'run this as root' setpriv --reuid 1000 --clear-groups ioasidctl list
	refuses 1 'run this as root' setpriv --reuid 1000 --clear-groups ioasidsnoop
	setpriv --reuid 1000 --clear-groups ioasidctl status | grep -q 'policy hooks *on'
	setpriv --reuid 1000 --clear-groups ioasidctl policy list | grep -q 'no policy'
}

# With -j everything on stdout and on stderr is JSON.
# json_of COMMAND...: a line for each, and each line a value.
json_of() {
	for command; do
		# shellcheck disable=SC2086
		ioasidctl -j $command >"$scratch/out"
		printf '"%s"\n' "$command" >>"$scratch/all"
		cat "$scratch/out" >>"$scratch/all"
	done
	expect_same lines "$(jq -s length "$scratch/all")" $((2 * $#))
	lines=0
	while read -r line; do lines=$((lines + 1)); done <"$scratch/all"
	expect_same lines "$lines" $((2 * $#))
}

json_on_stdout() {
	begin
	load pincg
	json_of status list 'policy list' 'policy show pincg' 'pincg list' 'pincg prune'
}

json_of_changes() {
	begin
	json_of 'policy load pincg' 'pincg set / none' 'policy replace pincg pincg' \
		'policy unload pincg'
}

json_on_stderr() {
	begin
	for command in nonsense 'policy load nonsense' 'policy unload nonsense'; do
		# shellcheck disable=SC2086
		! ioasidctl -j $command 2>>"$scratch/errors" || fail "'$command' did not fail"
	done
	holds -s 'length == 3 and all(.error | length > 0)' "$scratch/errors"
}

pretty_json() {
	begin
	hold map 16M 1M
	ioasidctl -p list >"$scratch/out"
	holds '.[0] | .comm == "mapper" and .maps == 1 and .pinned_pages == 256' "$scratch/out"
	[ "$(wc -l <"$scratch/out")" -gt 10 ] || fail "--pretty is not indented"
}

# A name with everything in it that could break a line.
hostile_comm() {
	begin
	name='a b\"'$newline'c'
	cp "$mapper" "$scratch/$name"
	mapper=$scratch/$name
	hold map 16M 1M
	ioasidctl -j list | holds '.[0] | .comm == "a b\\\"\nc" and .maps == 1'
}

ktap_run wrong_usage help_and_version bad_objects bad_settings settings_arrive \
	unknown_policies without_the_rights json_on_stdout json_of_changes json_on_stderr pretty_json hostile_comm
