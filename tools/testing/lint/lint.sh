#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# lint.sh RELEASE: checks the sources; runs inside the build root. A rule
# prints one line per offence, "file:line: what", and passes when it prints
# none. The totals go to build/lint/total.
set -u
cd "$(dirname "$0")/../../.." || exit 1
TOP=.
. tools/env/common.sh
. tools/testing/lint/usercode.sh
release=${1:?usage: lint.sh RELEASE}
here=tools/testing/lint
work=build/lint
mkdir -p $work
rm -f $work/total

# Every file of the project, by kind; what is in build/ is not ours.
find . \( -path ./build -o -path ./.git \) -prune -o -type f -print | sed 's,^\./,,' | sort >$work/files
grep -E '\.[ch]$' $work/files >$work/c
xargs grep -lE -m 1 '^#!.*[/ ](sh|bash|dash)( |$)|^# shellcheck shell=' <$work/files |
	grep -v '\.md$' >$work/shell
grep -E '\.(c|h|awk|py|mk|sh|S)$|(^|/)(Makefile|Kbuild)$' $work/files |
	sort -u - $work/shell >$work/source

# --- the rules; each prints offences ---

rule_license() {
	while read -r file; do
		# After the line that names the interpreter, if there is one.
		line=$(sed -n '1{/^#!/n;p;q}' "$file")
		case $line in
		*'SPDX-License-Identifier: GPL-2.0-only'*) ;;
		*) echo "$file:1: no SPDX-License-Identifier: GPL-2.0-only" ;;
		esac
	done <$work/source
}

rule_length() { xargs awk -f $here/shape.awk <$work/source; }

rule_layers() {
	xargs awk -v TABLE=$here/layers -f $here/layers.awk $here/layers <$work/c
	awk -v TABLE=$here/layers -f $here/layers.page.awk $here/layers docs/architecture.md
}

# An area of tests includes nothing of another.
rule_areas() {
	areas=$(sed -n 's,^tools/testing/tests/\([^/]*\)/.*,\1,p' $work/source | sort -u | paste -s -d , -)
	grep '^tools/testing/tests/' $work/source | xargs awk -v AREAS="$areas" -f $here/areas.awk
}

# What a comment says of locks, the function below it checks.
rule_held() { grep '^kmod/' $work/c | xargs awk -f $here/held.awk; }

# What a function of another file promises stands where a reader looks for it.
rule_contracts() {
	grep '^kmod/' $work/c >$work/kmod
	# shellcheck disable=SC2046
	awk -f $here/contracts.awk pass=1 $(cat $work/kmod) pass=2 $(cat $work/kmod)
}

rule_versions() {
	grep -E '^(kmod|bpf|tools|bench)/' $work/c | grep -v '^kmod/compat/' |
		xargs -r grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION *\(' |
		sed 's/:\([0-9]*\):.*/:\1: kernel versions belong in kmod\/compat/'
}

# Names of mirrors and of folders that only one machine has. The pattern is
# in two halves, so that this file does not hold what it looks for.
rule_places() {
	xargs grep -nIE "(deb|ftp|security|snapshot|cdn[a-z0-9-]*)(\.[a-z]{2})?\.debian""\.(org|net)|(^|[^a-z0-9_.\$}/-])/(home|Users|wor""k)/" \
		<$work/files | grep -v '^LICENSE:' | sed 's/:\([0-9]*\):.*/:\1: names a host or a folder of one machine/'
}

rule_whitespace() {
	xargs grep -nE '[[:blank:]]+$' <$work/source | sed 's/:\([0-9]*\):.*/:\1: blanks at the end of the line/'
	while read -r file; do
		[ -z "$(tail -c 1 "$file")" ] || echo "$file:$(wc -l <"$file"): no newline at the end"
	done <$work/source
}

rule_leftovers() {
	xargs grep -nE "\b(TODO|FIXM""E|XX""X)\b" <$work/source | grep -v "^$here/lint.sh:" |
		sed 's/:\([0-9]*\):.*/:\1: unfinished/'
}

# SC2317: that a function is called indirectly is beyond it.
rule_shell() { xargs -r shellcheck -x -P SCRIPTDIR -e SC2317 -f gcc <$work/shell; }

# The script is in the kbuild package of 6.12, not in every later one.
rule_kernel_doc() {
	script=$(find /usr/lib/linux-kbuild-*/scripts -name kernel-doc -print 2>/dev/null | head -n 1)
	[ -n "$script" ] || { echo "kernel-doc:0: not here: run 'tools/env/kernel 6.12'"; return; }
	grep -E '^kmod/include/' $work/c | xargs -r "$script" -none -Werror 2>&1 |
		sed -n 's/^\([^:]*:[0-9]*\): *\([a-z]*:\)\? */\1: kernel-doc: /p'
}

# sparse sees every file of the modules again, even those already compiled.
rule_sparse() {
	[ -e kmod/Kbuild ] || return 0
	src=build/$release/src
	[ -d "$src" ] || { echo "kmod/Kbuild:1: not built for $release: run 'make kmod'"; return; }
	if [ -e "$work/sparse.$release" ] && [ -z "$(find kmod -newer "$work/sparse.$release" -print -quit)" ]; then
		return 0
	fi
	# The flags are those of the build, or all would be compiled again.
	# shellcheck disable=SC2086
	make -C "/usr/src/linux-headers-$release" M="/ioasid/$src" C=2 $MODULE_FLAGS \
		CF=-D__CHECK_ENDIAN__ -s --no-print-directory modules >$work/sparse.log 2>&1
	status=$?
	prefix=$(echo "/ioasid/$src/" | sed 's/[.+]/[&]/g')
	{
		[ $status = 0 ] || echo "kmod/Kbuild:1: the build failed: $(tail -n 1 $work/sparse.log)"
		! grep -q 'sparse is not available' $work/sparse.log ||
			echo "kmod/Kbuild:1: the headers of $release cannot run sparse: use those of 6.12"
		sed -nE "s,^($prefix)?([a-z_/]+\.[ch]:[0-9]+):[0-9]+: (warning|error): ,kmod/\2: sparse: ,p" \
			$work/sparse.log | sort -u
	} >$work/sparse.found
	cat $work/sparse.found
	[ -s $work/sparse.found ] || touch "$work/sparse.$release"
}

# User code, all of it, through another compiler. Structures of VFIO end in
# arrays without a length, and are followed by them.
rule_clang() {
	# Half of it needs what bpf/ generates.
	[ -e build/bpf/counts.skel.h ] || { echo "bpf/Makefile:1: not built: run 'make bpf'"; return; }
	each clang -fsyntax-only -Wno-gnu-variable-sized-type-not-at-end
}

# What was recorded of the ABI must still be so; members may be added behind it.
rule_layout() {
	$here/layout.sh "$release" >$work/layout.now || echo "$here/layout.sh:1: failed"
	$here/layout.sh --compare $here/layout.golden $work/layout.now
}

# Plain English: who acts is named, by the verbs of the field.
rule_english() { $here/english; }

# The subjects of new commits. `make lint` lists them where git is: a release has none.
rule_subjects() {
	[ -s $work/commits ] || return 0
	awk -v VERBS=$here/verbs -f $here/subjects.awk $here/verbs $work/commits
}

# Every allocation of the modules is in docs/allocations.md, and nothing else; the
# payer that the page names is the one that the flags name.
rule_allocations() { $here/allocations.sh kmod docs/allocations.md; }

passed=0 failed=0
for rule in license length layers areas held contracts versions allocations places whitespace leftovers shell kernel_doc clang sparse layout english subjects; do
	rule_$rule >$work/$rule.out 2>&1
	if [ -s $work/$rule.out ]; then
		cat $work/$rule.out
		echo "not ok - lint: $rule ($(wc -l <$work/$rule.out))"
		failed=$((failed + 1))
	else
		echo "ok - lint: $rule"
		passed=$((passed + 1))
	fi
done
echo "total $passed $failed 0" >$work/total
[ $failed = 0 ]
