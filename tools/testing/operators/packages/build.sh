# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154
#
# What the rows about the packages share: builds, and verdicts about planted faults. The project
# is the working directory.

version=$(cat VERSION)
# Of the older modules, which are updated.
old=0.0

# deb OUT OPTION... RELEASE: into build/deb/OUT.
deb() {
	out=build/deb/$1
	shift
	nice tools/env/deb --out "$out" "$@"
}

# old_modules OUT RELEASE [COMMAND]: an older version; each module has other sources as well.
# shellcheck disable=SC2016
old_modules() {
	deb "$1" --version $old --indep --change 'for file in kmod/*/main.c; do echo "extern int older;" >>"$file"; done
		'"${3-}" "$2"
}

# red WHAT VERDICT: a row about a planted fault.
red() {
	case $2 in
	ok*) row "$ROW" "$version" "Debian $release" "planted: $1" "it is not seen: $2" ;;
	*) row "$ROW" "$version" "Debian $release" "planted: $1" "ok: red, $2" ;;
	esac
}
