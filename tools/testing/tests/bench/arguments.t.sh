#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# ioasid-bench: a wrong argument gives exit status 2 and one line.
. tools/testing/lib/bench.sh

# wrong TEXT ARGUMENT...: status 2, a line that holds TEXT and names --help.
wrong() {
	text=$1
	shift
	refused 2 "$text" "$BENCH" "$@"
	case $said in
	*--help*) ;;
	*) fail "'$*' does not name --help: $said" ;;
	esac
}

commands() {
	wrong 'which command'
	wrong "unknown command 'bogus'" bogus
}

map_options() {
	wrong "unknown option '--bogus'" map --bogus
	wrong "'--size' needs a value" map --size
	wrong "not '0'" map --size 0
	wrong "not '12'" map --size 12
	wrong "not '5X'" map --size 5X
	wrong "not '99999999T'" map --size 99999999T
	wrong "not '6000'" map --chunk 6000
}

map_choices() {
	wrong "does not know 'silk'" map --kind 4k,silk
	wrong "does not know 'nap'" map --workload nap
	wrong "does not know 'vfio'" map --backend vfio
	wrong 'takes one name' map --backend type1,ioasid
	wrong "from 1 to 256, not '0'" map --threads 0
	wrong "not '-1'" map --repeat -1
	wrong "v1 or v2" map --type v3
	wrong "does not know 'most'" map --unmap most
	wrong "seq or random" map --order up
	wrong 'less than a page' map --size 4K --threads 2
	wrong "'extra' is not an option" map extra
	wrong 'not a PCI address' map --device nvme0
	wrong 'not a PCI address' map --device 0000:00:04.9
}

compare_options() {
	wrong 'needs two names' compare --backends type1
	wrong 'not auto' compare --backends type1,auto
}

nvme_options() {
	wrong "not '1000'" nvme --bs 1000
	wrong "not '2M'" nvme --bs 2M
	wrong "from 1 to 64, not '65'" nvme --queues 65
	wrong "from 1 to 1024, not '0'" nvme --depth 0
	wrong 'once or per-io' nvme --map twice
	wrong 'seq or rand' nvme --pattern zigzag
	wrong 'exclude each other' nvme --verify a --image b
	wrong 'not a PCI address' nvme --device 1
}

record_options() {
	wrong "unknown option '--bogus'" record --bogus
	wrong "'--kind' needs a value" record --kind
	wrong "does not know 'silk'" record --kind silk
	wrong "does not know 'vfio'" record --backends type1,vfio
	wrong 'not auto' record --backends type1,auto
	wrong "from 1 to 256, not '0'" record --threads 1,0
	wrong 'twice' record --threads 2,1,2
	wrong 'needs a value' record --threads ,
	wrong "from 1 to 1000, not '1001'" record --repeat 1001
	wrong "not '0'" record --seconds 0
	wrong "not '0'" record --ios 0
	wrong "not '12'" record --size 12
	wrong 'not a PCI address' record --device nvme0
	wrong 'not a PCI address' record --disk nvme0
	wrong 'without .json' record --output "$WORK/"
	wrong 'one thread' record --workload replay --threads 1,2
	wrong "'extra' is not an option" record extra
}

diff_options() {
	wrong 'name two files' diff
	wrong 'name two files' diff a
	wrong 'name two files' diff a b c
	wrong "'--html' needs a value" diff a b --html
	wrong "unknown option '--bogus'" diff --bogus a b
}

checksum_options() {
	wrong 'name one disk' checksum
	wrong 'name one disk' checksum a b
	wrong "not '100'" checksum --chunk 100 a
	wrong "not 'many'" checksum --size many a
}

help_is_no_error() {
	for command in map nvme compare record diff checksum; do
		"$BENCH" "$command" --help >"$WORK/help" || fail "'$command --help' failed"
		grep -q "^usage: ioasid-bench $command" "$WORK/help" || fail "'$command --help' shows no usage"
		grep -q '^Examples:' "$WORK/help" || fail "'$command --help' has no examples"
	done
	"$BENCH" --help | grep -q '^  map ' || fail '--help does not list the commands'
}

ktap_run commands map_options map_choices compare_options nvme_options record_options diff_options \
	checksum_options help_is_no_error
