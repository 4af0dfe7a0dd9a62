# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For scripts that show that a test can fail: faults of one line, each in a copy of
# the modules. A fault is a sed script; comments in it say "file:", the source below
# kmod/ that it changes, and what the script wants beside.
#
# The script that sources this sets $release, and $work, a folder below build/. The copy is in
# $work/src, the modules of each fault in $work/modules/NAME.
# shellcheck disable=SC2154

# word FAULT KEY: the rest of the line "# KEY: ..." of a fault.
word() { sed -n "s/^# $2: //p" "$1"; }
source_of() { echo "$work/src/$(word "$1" file)"; }

# copy_modules: before the first fault.
copy_modules() {
	rm -rf "$work/modules"
	mkdir -p "$work/src"
	cp -a kmod/. VERSION "$work/src/"
}

# seed FAULT: changes its one line in the copy.
seed() {
	cp "kmod/$(word "$1" file)" "$(source_of "$1")"
	sed -i -f "$1" "$(source_of "$1")"
	[ "$(diff "kmod/$(word "$1" file)" "$(source_of "$1")" | grep -c '^>')" = 1 ]
}

# unseed FAULT: and takes it away, so that it is built anew.
unseed() {
	cp -p "kmod/$(word "$1" file)" "$(source_of "$1")"
	touch "$(source_of "$1")"
}

# build_modules NAME MODULE...: out of the copy, into the folder of that name. Warnings
# are none of our business: a fault may leave something unused.
build_modules() {
	built=$work/modules/$1
	shift
	# shellcheck disable=SC2086
	tools/env/in-root make -s -C "/usr/src/linux-headers-$release" M="/ioasid/$work/src" $MODULE_FLAGS KCFLAGS=-w -j2 --no-print-directory modules >"$work/build.log" 2>&1 || return 1
	mkdir -p "$built"
	for module; do
		cp "$work/src/$module.ko" "$built/"
		tools/env/in-root strip --strip-debug "$built/$module.ko"
	done
}

# build_fault FAULT MODULE...: those with that fault. Prints how it went; false if it did not.
build_fault() {
	fault=$1 name=$(basename "$1" .sed)
	shift
	status=1
	if ! seed "$fault"; then
		echo "not ok - $name does not change one line of $(word "$fault" file)"
	elif ! build_modules "$name" "$@"; then
		echo "not ok - $name cannot be built: $(grep -m 1 error "$work/build.log")"
	else
		echo "# $name is built"
		status=0
	fi
	unseed "$fault"
	return $status
}
