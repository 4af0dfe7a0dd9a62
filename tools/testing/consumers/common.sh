# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the scripts of this folder share. Each runs in the VM, drives one real
# program that uses VFIO, and does so on both backends: vfio_iommu_type1, and
# ioasid_vfio, which is loaded after it and decides by its parameter. A script
# that sets BACKENDS may have a third, node: /dev/ioasid is mounted over
# /dev/vfio/vfio, and a trace shows that no operation of VFIO's container runs.
#
#	row NAME "what the table says" function [argument...]
#	attempt "what the table says" function [argument...]
#	finish
#
# attempt runs the function once per backend, in a subshell with set -eu: the
# first command that fails fails it. The function says with `progress` what it
# waits for, and with `result` what it has seen; what programs print goes to a
# log. Beyond the function itself an attempt fails when the kernel logged a
# splat, pages stay pinned, or the wrong backend did the work. A row is an attempt that the
# arguments of the script may name; without any, all are made.
. tools/testing/harness/ktap.sh
. tools/testing/lib/kernel.sh

PROGRAM=$(basename "$0" .sh)
ROWS=$*
OUT=build/vm/out/consumers
TRACING=/sys/kernel/tracing
EVENTS=$TRACING/events/ioasid
WORK=$(mktemp -d)
attempts=0 bad=0
exec 3>&1
mkdir -p "$OUT"
: >"$OUT/$PROGRAM.rows"

progress() { echo "# $PROGRAM, $backend: $*" >&3; }
result() { printf '%s\n' "$*" >"$WORK/result"; }

# pins: all pages that ever were pinned.
pins() { sed -n 's/^nr_foll_pin_acquired //p' /proc/vmstat; }

# await SECONDS WHAT COMMAND...: until the command succeeds.
await() {
	await_end=$(($(date +%s) + $1)) await_what=$2
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt $await_end ] || fail "$await_what did not come in time"
		sleep 0.5
	done
}

# Events are counted by the kernel itself, so none is lost, and none is stored. The triggers are
# removed after each attempt: one that is left when the module is unloaded is a warning of the kernel
# (docs/observability.md).
COUNTED='ioasid_map_done ioasid_unmap_done ioasid_attach ioasid_detach ioasid_error'

histogram() {
	case $1 in
	ioasid_detach) echo hist:keys=group ;;
	ioasid_error) echo hist:keys=op,err,reason ;;
	*) echo hist:keys=err ;;
	esac
}

count_start() {
	for event in $COUNTED; do histogram "$event" >"$EVENTS/$event/trigger"; done
}

# count_stop FILE: what was counted.
count_stop() {
	for event in $COUNTED; do
		echo "## $event"
		grep '^[^#]' "$EVENTS/$event/hist" || :
	done >"$1"
	for event in $COUNTED; do echo "!$(histogram "$event")" >"$EVENTS/$event/trigger"; done
}

# count EVENT: how often it came since count_start.
count() { awk '$1 == "Hits:" { print $2 }' "$EVENTS/$1/hist"; }

use_backend() {
	! mountpoint -q /dev/vfio/vfio || umount /dev/vfio/vfio
	case $1 in
	type1) echo N ;;
	ioasid|node) echo Y ;;
	esac >/sys/module/ioasid_vfio/parameters/enabled
	[ "$1" != node ] || { modules_load ioasid_setcontainer && mount --bind /dev/ioasid /dev/vfio/vfio; }
}

# What the operations of VFIO's own container are called for, noted by ftrace.
trace_containers() {
	echo nop >"$TRACING/current_tracer"
	echo 'vfio_fops_*' >"$TRACING/set_ftrace_filter"
	echo function >"$TRACING/current_tracer"
}

container_calls() { grep -c ': vfio_fops_[a-z_]* <-' "$TRACING/trace"; }

# wrong_with BACKEND BEFORE: prints what is wrong after an attempt, if anything.
wrong_with() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(pinned)" != "$2" ] || break
		sleep 0.25
	done
	left=$(($(pinned) - $2))
	[ $left = 0 ] || echo "$left pages stay pinned"
	[ $((now_pins - was_pins)) -gt 0 ] || echo "no page was ever pinned"
	case $1 in
	type1) [ "$maps" = 0 ] || echo "ioasid made $maps of type1's maps" ;;
	ioasid|node)
		[ "$maps" -gt 0 ] || echo "ioasid made none of the maps"
		[ "$attached" = "$(count ioasid_detach)" ] ||
			echo "$attached groups were attached and $(count ioasid_detach) detached" ;;
	esac
	case $1 in
	node) [ "$calls" = 0 ] || echo "$calls calls of VFIO's own container" ;;
	*) [ "$calls" -gt 2 ] || echo "the trace of VFIO's containers saw nothing" ;;
	esac
	# shellcheck disable=SC2046
	splats "$mark" $(cat "$WORK/faults" 2>/dev/null) | sed -n '1s/^/in the log: /p'
}

# expect_faults: in this attempt the IOMMU refuses DMA, and says so.
expect_faults() { echo "-e ^DMAR:.*DMA -e ^fault.addr" >"$WORK/faults"; }

attempt_on() {
	what=$1
	shift
	attempts=$((attempts + 1))
	log=$OUT/$PROGRAM.$attempts.$backend.log
	use_backend "$backend"
	mark="consumers: $PROGRAM: $attempts: $what: $backend"
	echo "$mark" >/dev/kmsg
	count_start
	trace_containers
	before=$(pinned) was_pins=$(pins) began=$(date +%s)
	rm -f "$WORK/result" "$WORK/faults"
	progress "$what"
	set +e
	(
		set -eu
		"$@"
	) >"$log" 2>&1
	status=$?
	now_pins=$(pins) maps=$(count ioasid_map_done)
	attached=$(count ioasid_attach)
	calls=$(container_calls)
	wrong_with "$backend" "$before" >"$WORK/wrong"
	[ $status = 0 ] || tail -n 1 "$log" | sed 's/^# //' >>"$WORK/wrong"
	[ $status != 0 ] || [ -s "$WORK/result" ] || echo "nothing was seen" >>"$WORK/wrong"
	count_stop "$OUT/$PROGRAM.$attempts.$backend.events"
	report $(($(date +%s) - began))
}

report() {
	seen=$(cat "$WORK/result" 2>/dev/null)
	verdict=ok
	if [ -s "$WORK/wrong" ]; then
		verdict="**failed**: $(paste -s -d ';' "$WORK/wrong" | sed 's/;/; /g; s/|/,/g')"
		bad=$((bad + 1))
		tail -n 40 "$log" | sed 's/^/#   | /'
		echo "not ok - $PROGRAM: $what: $backend: $verdict"
	else
		echo "ok - $PROGRAM: $what: $backend: $seen ($1 s)"
	fi
	printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$TITLE" "$what" "$backend" "$verdict" \
		"${seen:--}" "$maps" "$((now_pins - was_pins)) / $(($(pinned) - before))" "$1" >>"$OUT/$PROGRAM.rows"
}

attempt() {
	for backend in ${BACKENDS:-type1 ioasid}; do attempt_on "$@"; done
}

row() {
	row=$1
	shift
	case " ${ROWS:-$row} " in *" $row "*) attempt "$@" ;; esac
}

# begin TITLE DEVICE...: loads the backends, and gives the devices to vfio-pci.
begin() {
	TITLE=$1
	shift
	modprobe vfio_iommu_type1
	modules_load ioasid ioasid_vfio
	for device; do device_to "$device" vfio-pci; done
}

# version PACKAGE: the upstream part of the version that is installed.
version() {
	# shellcheck disable=SC2016
	dpkg-query -W -f '${Version}' "$1" | sed 's/^[0-9]*://; s/[-+].*//'
}

# finish: unloads both backends; whatever still holds them is a failure.
finish() {
	rm -rf "$WORK"
	use_backend ioasid
	mark="consumers: $PROGRAM: the end"
	echo "$mark" >/dev/kmsg
	modules_unload ioasid_setcontainer ioasid_vfio ioasid vfio_iommu_type1 || {
		echo "not ok - $PROGRAM: a backend cannot be unloaded: $(lsmod | grep -e ioasid -e type1 | paste -s -d ';')"
		bad=$((bad + 1))
	}
	left=$(pinned)
	[ "$left" = 0 ] || { echo "not ok - $PROGRAM: $left pages are pinned in the end"; bad=$((bad + 1)); }
	splat=$(splats "$mark" | head -n 1)
	[ -z "$splat" ] || { echo "not ok - $PROGRAM: in the log of the end: $splat"; bad=$((bad + 1)); }
	[ $bad = 0 ] && [ $attempts != 0 ]
	exit
}
