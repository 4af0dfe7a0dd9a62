# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What tests of policies and of tools share. Each test calls begin first, and finds no
# policy loaded; whatever it leaves is taken away again. Starting a program is
# what takes time under emulation, so the shell does here what it can.
. tools/testing/harness/ktap.sh

PATH=$PWD/build/bin:$PATH
mapper=build/fixture/mapper
# shellcheck disable=SC2034
objects=build/bpf/test
cgroups=/sys/fs/cgroup
policies=/sys/kernel/ioasid/policies
scratch=/tmp/policy-test
newline='
'

begin() {
	held=
	where=
	# What a test that was killed left.
	[ ! -e $scratch ] || clean
	mkdir $scratch
	trap clean EXIT
}

clean() {
	release
	driver_end
	for clean_policy in "$policies"/*; do
		[ ! -e "$clean_policy" ] || ioasidctl policy unload "${clean_policy##*/}" >/dev/null
	done
	if [ -e $cgroups/t ]; then
		# A test that failed may have left processes there.
		echo 1 >$cgroups/t/cgroup.kill
		within 50 find $cgroups/t -depth -type d -delete
	fi
	rm -r $scratch
}

# Between these the mapper can pin, read and write as a driver does.
driver_begin() { insmod "build/tests/native/$(uname -r)/ioasid_kapi.ko"; }

driver_end() { [ ! -e /sys/module/ioasid_kapi ] || rmmod ioasid_kapi; }

# refuses STATUS TEXT COMMAND...: one line on stderr that holds it, and no output.
refuses() {
	status=$1
	text=$2
	shift 2
	expect_status "$status" "$@" >"$scratch/out" 2>"$scratch/error"
	[ ! -s "$scratch/out" ] || fail "'$*' printed $(cat "$scratch/out")"
	lines=0
	while read -r line; do
		lines=$((lines + 1))
		case $line in *"$text"*) ;; *) fail "'$*' said: $line" ;; esac
	done <"$scratch/error"
	expect_same "lines of error of '$*'" "$lines" 1
}

# load POLICY|OBJECT [OPTION...]: quietly.
load() { ioasidctl policy load "$@" >/dev/null; }

# patience: an option of load for a kernel with KASAN, on which every program is too slow.
patience() { ! grep -q ' kasan_report$' /proc/kallsyms || echo '--set timeout_us=100000'; }

unload() { ioasidctl policy unload "$1" >/dev/null; }

# attribute POLICY FILE: of its folder in sysfs.
attribute() {
	read -r value <"$policies/$1/$2" || :
	echo "$value"
}

# member JSON NAME: what follows "NAME": in it, up to the next comma or brace.
member() {
	rest=${1#*\""$2"\":}
	[ "$rest" != "$1" ] || fail "there is no '$2' in $1"
	echo "${rest%%[,\}]*}"
}

# variable POLICY NAME: a global variable of a loaded policy.
variable() { member "$(ioasidctl -j policy show "$1")" "$2"; }

# entries POLICY MAP: how many it has.
entries() {
	ioasidctl -j policy show "$1" | jq --arg map "$2" '.maps[] | select(.name == $map).entries | length'
}

entries_are() { [ "$(entries "$1" "$2")" = "$3" ]; }

# usage CGROUP FIELD: what pincg knows; 0 for a cgroup it does not know.
usage() {
	list=$(ioasidctl -j pincg list)
	of_cgroup=${list#*\"cgroup\":\""$1"\"}
	if [ "$of_cgroup" = "$list" ]; then
		echo 0
	else
		member "$of_cgroup" "$2"
	fi
}

# in_cgroup CGROUP COMMAND...
in_cgroup() {
	[ -e "$cgroups$1" ] || mkdir -p "$cgroups$1"
	(
		echo 0 >"$cgroups$1/cgroup.procs"
		shift
		exec "$@"
	)
}

# expect_map RESULT COMMAND...: the last line of its output.
expect_map() {
	want=$1
	shift
	seen=$("$@")
	expect_same "the result of '$*'" "${seen##*"$newline"}" "$want"
}

# hold [-c CGROUP] WORD...: a mapper that does the words and keeps what it has
# until release. Its pid is in $held.
hold() {
	where=
	if [ "$1" = -c ]; then
		where=$2
		[ -e "$cgroups$where" ] || mkdir -p "$cgroups$where"
		shift 2
	fi
	hold_by "$mapper" "$@" hold
	where=
}

# hold_by COMMAND...: the same of any program that prints "held" and then waits
# until its stdin ends.
hold_by() {
	mkfifo $scratch/fifo
	# What the program before has written is not to be taken for this one's.
	: >$scratch/held
	(
		[ -z "$where" ] || echo 0 >"$cgroups$where/cgroup.procs"
		exec "$@" <$scratch/fifo >$scratch/held
	) &
	held=$!
	exec 9>$scratch/fifo
	wait_for is_held
}

is_held() {
	while read -r word; do
		[ "$word" != held ] || return 0
	done <$scratch/held
	return 1
}

release() {
	[ -n "$held" ] || return 0
	exec 9>&-
	wait "$held" 2>/dev/null || :
	held=
	rm $scratch/fifo
}

# wait_for COMMAND...: until it succeeds, at most five seconds.
wait_for() {
	tries=0
	until "$@" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || fail "'$*' did not come true"
		sleep 0.05
	done
}

# expect_line FILE TEXT: a line that holds it.
expect_line() {
	while read -r line; do
		case $line in *"$2"*) return 0 ;; esac
	done <"$1"
	fail "no line of $1 holds '$2'"
}

# says TEXT COMMAND...: it fails, with one line, which holds TEXT.
says() {
	text=$1
	shift
	expect_status 1 "$@" >"$scratch/out" 2>"$scratch/error"
	expect_same "lines of '$*'" "$(cat "$scratch/out" "$scratch/error" | wc -l)" 1
	expect_line "$scratch/error" "$text"
}

# holds [OPTION...] FILTER [FILE]: is it true, for jq?
holds() { jq -e "$@" >/dev/null; }

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
