#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# ioasid-bench: a wrong argument gives exit status 2 and one line.
. tools/testing/harness/ktap.sh

BENCH=build/bin/ioasid-bench
OUT=$(mktemp)
trap 'rm -f "$OUT"' EXIT

# refused TEXT ARGUMENT...: status 2, and one line that holds TEXT and the way on.
refused() {
	text=$1
	shift
	status=0
	$BENCH "$@" >"$OUT.stdout" 2>"$OUT" || status=$?
	expect_same "exit status of '$*'" $status 2
	[ ! -s "$OUT.stdout" ] || fail "'$*' printed something on stdout"
	rm -f "$OUT.stdout"
	expect_same "lines of '$*'" "$(wc -l <"$OUT")" 1
	grep -qF -e "$text" "$OUT" || fail "'$*' says: $(cat "$OUT")"
	grep -q -e '--help' "$OUT" || fail "'$*' does not name --help: $(cat "$OUT")"
}

commands() {
	refused 'which command'
	refused "unknown command 'bogus'" bogus
}

map_options() {
	refused "unknown option '--bogus'" map --bogus
	refused "'--size' needs a value" map --size
	refused "not '0'" map --size 0
	refused "not '12'" map --size 12
	refused "not '5X'" map --size 5X
	refused "not '99999999T'" map --size 99999999T
	refused "not '6000'" map --chunk 6000
	refused "does not know 'silk'" map --kind 4k,silk
	refused "does not know 'nap'" map --workload nap
	refused "does not know 'vfio'" map --backend vfio
	refused 'takes one name' map --backend type1,ioasid
	refused "from 1 to 256, not '0'" map --threads 0
	refused "not '-1'" map --repeat -1
	refused "v1 or v2" map --type v3
	refused "does not know 'most'" map --unmap most
	refused "seq or random" map --order up
	refused 'less than a page' map --size 4K --threads 2
	refused "'extra' is not an option" map extra
	refused 'not a PCI address' map --device nvme0
	refused 'not a PCI address' map --device 0000:00:04.9
}

compare_options() {
	refused 'needs two names' compare --backends type1
	refused 'not auto' compare --backends type1,auto
}

nvme_options() {
	refused "not '1000'" nvme --bs 1000
	refused "not '2M'" nvme --bs 2M
	refused "from 1 to 64, not '65'" nvme --queues 65
	refused "from 1 to 1024, not '0'" nvme --depth 0
	refused 'once or per-io' nvme --map twice
	refused 'seq or rand' nvme --pattern zigzag
	refused 'exclude each other' nvme --verify a --image b
	refused 'not a PCI address' nvme --device 1
}

checksum_options() {
	refused 'name one disk' checksum
	refused 'name one disk' checksum a b
	refused "not '100'" checksum --chunk 100 a
	refused "not 'many'" checksum --size many a
}

help_is_no_error() {
	for command in '' map nvme compare checksum; do
		# shellcheck disable=SC2086
		$BENCH $command --help >"$OUT" || fail "'$command --help' failed"
		grep -q '^usage: ioasid-bench' "$OUT" || fail "'$command --help' shows no usage"
		grep -q '^Examples:' "$OUT" || fail "'$command --help' has no examples"
	done
}

ktap_run commands map_options compare_options nvme_options checksum_options help_is_no_error
