# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by lint.sh and long.sh: a command on every file of user code.

places="s/^\([^: ]*:[0-9]*\):[0-9]*: /\1: /"

# Without consumers/: its headers are of packages that `make check-consumers` adds, and compiles it with
# the same warnings.
user_c() {
	find tools bench -name '*.c' ! -name '*.bpf.c' ! -path '*/module/*' ! -path '*/consumers/*' | sort
}

# each COMMAND...: runs it on every file, two at a time; prints what it warns of.
each() {
	set -- "$@" -std=gnu11 -D_GNU_SOURCE -DBPF_DIR=__FILE__ -DVERSION=__FILE__ -Wall -Wextra \
		-Wshadow -Wstrict-prototypes -I. -Itools/testing -Itools/testing/tests \
		-Itools/testing/harness -Itools/testing/vm -Ikmod/include/uapi -Itools/lib \
		-Itools/libioasid -Ibuild/bpf -Ibench -Ibpf/include -Ikmod/include
	# shellcheck disable=SC2016
	user_c | xargs -P 2 -I @ sh -c 'file=$1; shift; "$@" -I"${file%/*}" "$file" 2>&1' sh @ "$@" |
		sed -n "/: \(warning\|error\): /{$places;p}" | sort -u
}
