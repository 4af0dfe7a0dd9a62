#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make check` takes as proved (tools/testing/proved.sh), in a tree of a few files:
# after which changes an area or a part runs again, and after which it does not.
. tools/testing/harness/ktap.sh

begin() {
	top=$PWD
	tree=$(mktemp -d)
	trap 'rm -r "$tree"' EXIT
	cd "$tree"
	for file in kmod/map.c docs/abi.md docs/policy.md findings/jc.sh tools/testing/lib/nvme.h VERSION \
		tools/testing/tests/uapi/map.c tools/testing/tests/uapi/lib/call.c \
		tools/testing/tests/native/map.c tools/testing/tests/native/ring.long.c \
		tools/testing/tests/native/close.t.sh tools/testing/tests/native/module/kapi.c \
		tools/testing/tests/policy/probe.bpf.c build/kernels/6.12.release \
		build/root/var/lib/dpkg/status build/lint/commits; do
		mkdir -p "${file%/*}" 2>/dev/null || :
		[ "${file%/*}" != VERSION ] || rmdir VERSION
		echo "$file" >"$file"
	done
	# shellcheck source=/dev/null
	. "$top/tools/testing/proved.sh"
	proved_begin 6.12 build
	for unit in lint host docs uapi native smoke-7.3; do
		prove "$unit" 3 1
	done
}

# again_after FILE UNIT...: these, and no others, run again once FILE has changed.
again_after() {
	file=$1
	shift
	cp -p "$file" kept
	echo more >>"$file"
	mv kept build/
	proved_begin 6.12 build
	found=
	for unit in lint host docs uapi native smoke-7.3; do
		proved "$unit" >build/counts || { found="$found $unit"; continue; }
		expect_same 'what is counted' "$(cat build/counts)" '3 1'
	done
	expect_same "what runs after a change of $file" "${found# }" "$*"
	mv build/kept "$file"
}

of_what_all_depends_on() {
	begin
	for file in kmod/map.c VERSION tools/testing/lib/nvme.h tools/testing/tests/native/module/kapi.c \
		tools/testing/tests/policy/probe.bpf.c build/kernels/6.12.release build/root/var/lib/dpkg/status; do
		again_after "$file" lint host docs uapi native smoke-7.3
	done
}

of_one_area() {
	begin
	again_after tools/testing/tests/uapi/map.c lint host uapi smoke-7.3
	again_after tools/testing/tests/uapi/lib/call.c lint host docs uapi native smoke-7.3
	again_after tools/testing/tests/native/ring.long.c lint host native smoke-7.3
	again_after tools/testing/tests/native/close.t.sh lint host native smoke-7.3
}

of_a_page() {
	begin
	again_after docs/abi.md lint host docs smoke-7.3
	again_after findings/jc.sh lint host
	again_after docs/policy.md lint host docs uapi native smoke-7.3
}

of_a_commit() {
	begin
	again_after build/lint/commits lint
}

of_nothing() {
	begin
	echo one >build/bin
	again_after build/bin
	expect_same 'counts of native' "$(proved native)" '3 1'
	proved_begin 7.3 build
	! proved native || fail 'what 6.12 proved is taken for 7.3'
	! proved no-such-unit || fail 'a unit that never ran is proved'
}

ktap_run of_what_all_depends_on of_one_area of_a_page of_a_commit of_nothing
