#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What tracefs shows: of drivers that use mapped memory, which no observer asks for;
# and that its format files are ones that perf and trace-cmd can read. What these print
# of every event, `make check-operators` compares: they take too long for this.
. tools/testing/lib/policy.sh

TRACING=/sys/kernel/tracing

# traced EVENT... -- COMMAND...: runs it, and leaves what was traced in $scratch/trace.
traced() {
	events=
	while [ "$1" != -- ]; do
		events="$events $1"
		echo 1 >"$TRACING/events/ioasid/$1/enable"
		shift
	done
	shift
	echo >"$TRACING/trace"
	"$@"
	for event in $events; do echo 0 >"$TRACING/events/ioasid/$event/enable"; done
	sed -n 's/^.* \(ioasid_[a-z_]*: \)space=[0-9]* tgid=[0-9]* /\1/p' "$TRACING/trace" >"$scratch/trace"
	echo >"$TRACING/trace"
}

# expect_traced LINE...: these and no others.
expect_traced() {
	printf '%s\n' "$@" >"$scratch/want"
	cmp -s "$scratch/want" "$scratch/trace" || fail "$(diff "$scratch/want" "$scratch/trace")"
}

drivers_that_pin() {
	begin
	driver_begin
	traced ioasid_pin ioasid_unpin -- "$mapper" map 16M 64K pin 16M 3 unpin 16M 3 unmap 16M 64K \
		>"$scratch/out"
	expect_same pinned "$(tr '\n' ' ' <"$scratch/out")" 'map 0 pin 3 unmap 65536 '
	# Those of the mapping itself have an address of the process.
	sed -i '/kind=mapping/d' "$scratch/trace"
	expect_traced 'ioasid_pin: kind=access addr=0x1000000 npages=3' \
		'ioasid_unpin: kind=access addr=0x1000000 npages=3'
}

drivers_that_read_and_write() {
	begin
	driver_begin
	traced ioasid_rw -- "$mapper" map 16M 8K write 16M 8K read 0x1000800 4K read 16M 12K \
		>"$scratch/out"
	expect_same 'what was done' "$(tr '\n' ' ' <"$scratch/out")" 'map 0 write 0 read 0 read EINVAL '
	expect_traced 'ioasid_rw: iova=0x1000000 length=0x2000 write=1 err=0' \
		'ioasid_rw: iova=0x1000800 length=0x1000 write=0 err=0' \
		'ioasid_rw: iova=0x1000000 length=0x3000 write=0 err=-22'
}

# Of a mapping with holes: the flag, and the pages that are there.
maps_with_holes() {
	begin
	traced ioasid_map_done ioasid_unmap_done ioasid_pin ioasid_unpin -- \
		"$mapper" sparse 16M 64K unmap 16M 64K >"$scratch/out"
	expect_same 'what was done' "$(tr '\n' ' ' <"$scratch/out")" 'sparse 4 unmap 65536 '
	grep -q '^ioasid_map_done: .* flags=READ|WRITE|NATIVE|SPARSE err=0 .* pages=12 .* charged=12 ' \
		"$scratch/trace" || fail "$(cat "$scratch/trace")"
	grep -q '^ioasid_unmap_done: .* mappings=1 pages=12 ' "$scratch/trace" || fail "$(cat "$scratch/trace")"
	for event in ioasid_pin ioasid_unpin; do
		expect_same "pages of $event" "$(sed -n "s/^$event: .*npages=//p" "$scratch/trace" |
			awk '{ n += $1 } END { print n }')" 12
	done
}

# perf, trace-cmd and all of libtraceevent know no enumerator of ours, and take it for 0:
# TRACE_DEFINE_ENUM() puts its number there. Quotes around a text they cannot parse.
formats_hold_numbers() {
	begin
	for format in "$TRACING"/events/ioasid/*/format; do
		sed -n 's/^print fmt: //p' "$format" | sed 's/"[^"]*"//g; s/REC->[a-z_0-9]*//g
			s/__print_\(symbolic\|flags\)//g; s/0x[0-9a-f]*//g; s/[0-9]*//g' >"$scratch/rest"
		! grep -q '[A-Za-z_\\]' "$scratch/rest" || fail "$format: $(grep -o '[A-Za-z_\\]*' "$scratch/rest" | sort -u | tr '\n' ' ')"
	done
	[ -e "$TRACING/events/ioasid/ioasid_map_done/format" ] || fail 'there is no event'
}

ktap_run drivers_that_pin drivers_that_read_and_write maps_with_holes formats_hold_numbers
