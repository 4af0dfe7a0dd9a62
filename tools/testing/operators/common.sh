# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the rows of this folder share, on the host, in the build root and in a VM:
# the project is the working directory, and check has set
#
#	KERNELS	the series to try, "6.12 7.3"
#	ROW	the name of this row
#	ROWS	the file for its verdicts
#
# A row that is given --faults plants its faults instead; see check.

# row PROGRAM VERSION ON WHAT VERDICT...: one line of the table. VERDICT is "ok", with
# what was seen behind it, or what is wrong.
row() {
	row_head="| $ROW | $1 | $2 | $3 | $4 |"
	shift 4
	case "$*" in
	ok|'ok '*|'ok:'*|'ok,'*) row_verdict="$*" ;;
	*) row_verdict="**failed**: $*" ;;
	esac
	printf '%s %s |\n' "$row_head" "$(printf %s "$row_verdict" | tr '|\n' '/ ')" >>"$ROWS"
}

# version PACKAGE: the upstream part of the version in the build root.
version() {
	# shellcheck disable=SC2016
	tools/env/in-root dpkg-query -W -f '${Version}' "$1" | sed 's/^[0-9]*://; s/[-+~].*//'
}

# unpack PACKAGE/SUITE FOLDER: what that package of another suite holds, beside the
# one that is installed. Does nothing when the folder is there. apt gets lists of its
# own: the suite may be of another release, from the same mirror.
unpack() {
	[ -e "$2" ] && return
	rm -rf "$2.new"
	mkdir -p "$2.new/apt/lists/partial"
	sed -n "s/ trixie main/ ${1#*/} main/p" build/root.sources >"$2.new/apt/sources"
	# shellcheck disable=SC2016
	tools/env/in-root -C "/ioasid/$2.new" sh -c '
		set -- "$1" -qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$PWD/apt/sources" \
			-o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$PWD/apt/lists"
		package=$1
		shift
		apt-get "$@" update && apt-get "$@" download "$package" &&
			dpkg-deb -x ./*.deb . && rm -r apt ./*.deb' \
		sh "$1" && mv "$2.new" "$2"
}
