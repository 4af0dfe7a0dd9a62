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

# model_check MODEL [FAULT]: tries every order of its steps, and prints "holds",
# "fails: how", or "is broken: why".
model_check() {
	rm -rf "$work/model"
	mkdir "$work/model"
	(
		cd "$work/model" || exit
		{ spin ${2:+-D"$2"} -a "../../../$1" && gcc -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c &&
			./pan -m4000000; } >verdict 2>&1
		if grep -q '^State-vector.*errors: 0$' verdict && ! grep -q 'max search depth' verdict; then
			echo holds
		elif grep -q '^State-vector.*errors: [1-9]' verdict; then
			echo "fails: $(grep -m 1 '^pan:1:' verdict)"
		else
			echo "is broken: $(grep -m 1 -i error verdict)"
		fi
	)
}

# The models hold, and each fault that one names in its head is found in it.
rule_models() {
	command -v spin >/dev/null || { echo "spin:0: not here: run 'tools/env/root lint'"; return; }
	for model in tools/testing/models/*.pml; do
		verdict=$(model_check "$model")
		[ "$verdict" = holds ] || echo "$model:1: $verdict"
		sed -n 's/^ \* fault: \([A-Z_]*\).*/\1/p' "$model" >$work/model.faults
		[ -s $work/model.faults ] || echo "$model:1: names no fault that it would find"
		while read -r fault; do
			verdict=$(model_check "$model" "$fault" </dev/null)
			case $verdict in fails:*) ;; *) echo "$model:1: $verdict with $fault" ;; esac
		done <$work/model.faults
	done
}

# Files whose list of old words could be shorter.
rule_english() { tools/testing/lint/english --exact; }

passed=0 failed=0
# shellcheck disable=SC2086
for rule in ${RULES:-analyzer coccinelle checkpatch models english}; do
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
echo "$passed passed, $failed failed: $(user_c | wc -l) files of user code, $(cat $work/rules 2>/dev/null | wc -l) semantic patches"
[ $failed = 0 ]
