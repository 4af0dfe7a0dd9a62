# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What 'ioasidctl who' says of the devices of a program that maps by /dev/ioasid. The caller has
# set WORK to a folder of its own.

# who_names DEVICE BACKEND [OPTION...]: of an ioasid-bench that maps for DEVICE by BACKEND, in text
# and in JSON. The program has ended when this returns.
who_names() {
	who_device=$1 who_backend=$2
	shift 2
	build/bin/ioasid-bench map --device "$who_device" --backend "$who_backend" --workload pingpong --op-size 4K \
		--kind 4k --repeat 10000 "$@" >"$WORK/bench" 2>&1 &
	who_bench=$!
	who_tries=0
	# Between two repetitions it has none.
	until who_is_right; do
		who_tries=$((who_tries + 1))
		[ "$who_tries" -lt 5 ] || break
		sleep 1
	done
	kill "$who_bench" 2>/dev/null || :
	wait "$who_bench" || :
	[ "$who_tries" -lt 5 ] || fail "$who_backend: $(cat "$WORK/who" "$WORK/who.json" "$WORK/bench")"
}

who_is_right() {
	build/bin/ioasidctl who >"$WORK/who"
	build/bin/ioasidctl -j who >"$WORK/who.json"
	jq -e --arg device "$who_device" '[.holders[] | select(.kind == "ioasid")] | length == 1 and
		.[0].devices == [$device] and (.[0].spaces | length) == 1' "$WORK/who.json" >/dev/null &&
		grep -q "ioasid-bench .* $who_device " "$WORK/who"
}
