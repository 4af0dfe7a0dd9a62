#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# long.sh SOURCE: the checks that take minutes; runs inside the build
# root. SOURCE is a tree of the kernel, for its own checkers. As lint.sh, which
# has the quick ones: a rule prints one line per offence. RULES="..." chooses some.
set -u
cd "$(dirname "$0")/../../.." || exit 1
source=${1:?usage: long.sh SOURCE}
work=build/lint
mkdir -p $work

. tools/testing/lint/usercode.sh

# What the analyzer says of descriptors and memory at the end of a program that
# ends there is no news.
rule_analyzer() {
	each gcc -O1 -fanalyzer -Wno-analyzer-fd-leak -Wno-analyzer-malloc-leak \
		-Wno-analyzer-file-leak -c -o /dev/null
}

# The kernel's own semantic patches, on our modules.
rule_coccinelle() {
	command -v spatch >/dev/null || { echo "spatch:0: not here: run 'tools/env/root lint'"; return; }
	find "$source/scripts/coccinelle" -name '*.cocci' | sort >$work/rules
	[ -s $work/rules ] || { echo "$source:1: has no semantic patches"; return; }
	# shellcheck disable=SC2016
	xargs -P 2 -I RULE sh -c '
		options=$(sed -n "s,^//[/ ]*Options: *,,p" "$1")
		timeout 300 spatch -D report --very-quiet --no-show-diff --cocci-file "$1" $options \
			--dir kmod -I kmod/include 2>&1 || :' sh RULE "$source" <$work/rules |
		grep -E '^(\./)?kmod/[^:]*:[0-9]+' |
		# The size of an iterator is written as BPF wants it: [1].
		grep -v '^kmod/policy/kfunc\.h:.*use flexible-array' | sed "$places" | sort -u
}

# Of checkpatch what has to do with meaning: errors, not the width of lines.
rule_checkpatch() {
	script=$source/scripts/checkpatch.pl
	[ -e "$script" ] || { echo "$script:1: is missing"; return; }
	find kmod \( -name '*.c' -o -name '*.h' \) | sort |
		xargs perl "$script" --no-tree --quiet --terse --no-summary --max-line-length=100 --types \
			ALLOC_ARRAY_ARGS,ASSIGN_IN_IF,COMMIT_LOG,DEEP_INDENTATION,HOTPATH,IN_ATOMIC,INLINE,KREALLOC_ARG_REUSE,LOCKDEP,MSLEEP,PRINTF_0XDECIMAL,RETURN_VOID,SIZEOF_PARENTHESIS,SPDX_LICENSE_TAG,UAPI_INCLUDE,USE_SPINLOCK_T,VOLATILE,VSPRINTF_POINTER_EXTENSION,WAITQUEUE_ACTIVE,YIELD \
			-f 2>&1 | grep -E '^kmod/'
}

passed=0 failed=0
# shellcheck disable=SC2086
for rule in ${RULES:-analyzer coccinelle checkpatch}; do
	began=$(date +%s)
	rule_$rule >"$work/$rule.out" 2>&1
	took=$(($(date +%s) - began))
	if [ -s "$work/$rule.out" ]; then
		cat "$work/$rule.out"
		echo "not ok - lint: $rule ($(wc -l <"$work/$rule.out"), $took s)"
		failed=$((failed + 1))
	else
		echo "ok - lint: $rule ($took s)"
		passed=$((passed + 1))
	fi
done
echo "$passed passed, $failed failed: $(user_c | wc -l) files of user code, $(wc -l <$work/rules) semantic patches"
[ $failed = 0 ]
