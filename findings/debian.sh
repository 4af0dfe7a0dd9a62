# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by the findings. debian PACKAGE=VERSION...: unpacks these packages of
# Debian 13, and the libraries named as plain PACKAGE, into $tmp/root, with an apt
# of its own; nothing on the host changes. The mirror is that of the host's apt.
# run PROGRAM ARGUMENT...: runs a program of $tmp/root with the libraries in $libraries, those
# of Debian's usual folder ($lib) unless the finding adds others.
set -eu
tmp=$(mktemp -d)
lib=$tmp/root/usr/lib/x86_64-linux-gnu
libraries=$lib
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$tmp"' EXIT

# shellcheck disable=SC2016
debian() {
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
		grep -v security | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
	[ -n "$mirror" ] || { echo "no Debian mirror in this host's apt sources: run 'apt-get update' and try again" >&2; exit 2; }
	mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/archives/partial" "$tmp/root" "$tmp/deb"
	: >"$tmp/apt/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$tmp/apt/sources"
	cat >"$tmp/apt/conf" <<-END
		Dir::State::Lists "$tmp/apt/lists";
		Dir::State::status "$tmp/apt/status";
		Dir::Cache "$tmp/apt";
		Dir::Etc::sourcelist "$tmp/apt/sources";
		Dir::Etc::sourceparts "/dev/null";
		APT::Sandbox::User "root";
	END
	(cd "$tmp/deb" && APT_CONFIG=$tmp/apt/conf && export APT_CONFIG &&
		apt-get update -qq && apt-get download -qq "$@") >&2
	for deb in "$tmp"/deb/*.deb; do dpkg-deb -x "$deb" "$tmp/root"; done
}

run() {
	program=$tmp/root/$1
	shift
	"$lib/ld-linux-x86-64.so.2" --library-path "$libraries" "$program" "$@"
}

# same WHAT SEEN EXPECTED: what is seen must be what was found.
same() {
	[ "$2" = "$3" ] && return
	echo "changed: $1" >&2
	printf 'seen:\n%s\nfound before:\n%s\n' "$2" "$3" >&2
	exit 1
}
