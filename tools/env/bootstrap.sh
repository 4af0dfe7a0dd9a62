# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced after common.sh by the scripts that make a Debian tree. The mirror comes
# from the host's own apt sources. DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR (URIs,
# both optional) override it.

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# host_mirror SUITE-SUFFIX: the URI the host's apt uses for its own release
# ("") or its security updates ("-security"). apt itself is asked, so that
# one-line, deb822 and disabled entries all count as they do for the host.
host_mirror() {
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	grep -q '^ID=debian' /etc/os-release || return 0
	uri=$(apt-get update --print-uris 2>/dev/null |
		sed -n "s,^'\(.*\)/dists/$codename$1/\(In\)\?Release' .*,\1,p" | head -n 1)
	case $uri in
	mirror+file:*) # a file of mirrors, best first
		uri=$(sed -n 's/^\([a-z]*:[^[:space:]]*\).*/\1/p' "${uri#mirror+file:}" | head -n 1) ;;
	esac
	printf '%s\n' "${uri%/}"
}

# debian_sources SUITE [SUFFIX...]: sources.list of a release, with its updates and
# its security updates, and the suites SUITE-SUFFIX.
debian_sources() {
	suite=$1
	shift
	mirror=${DEBIAN_MIRROR-$(host_mirror "")}
	security=${DEBIAN_SECURITY_MIRROR-$(host_mirror -security)}
	[ -n "$mirror" ] ||
		die "no Debian mirror in this host's apt sources: set DEBIAN_MIRROR to the URI of one and try again"
	for name in "$suite" "$suite-updates" ${1+"$suite-$1"}; do
		echo "deb [signed-by=$KEYRING] $mirror $name main"
	done
	[ -z "$security" ] || echo "deb [signed-by=$KEYRING] $security $suite-security main"
}

# bootstrap SUITE DIR SOURCES OPTION...: a new tree in DIR, from the lines in the file
# SOURCES; the options are those of mmdebstrap.
bootstrap() {
	suite=$1 dir=$2 lines=$3
	shift 3
	need_tool mmdebstrap mmdebstrap
	if [ ! -e $KEYRING ]; then
		[ "$(id -u)" = 0 ] || die "$KEYRING is missing: install it with 'sudo apt-get install debian-archive-keyring'"
		install_package debian-archive-keyring || die "cannot install debian-archive-keyring"
	fi
	set -- --mode=root --quiet --aptopt='Apt::Install-Recommends "false"' "$@"
	proxy=$(apt-config dump --format '%v' Acquire::http::Proxy 2>/dev/null || :)
	[ -z "$proxy" ] || set -- "$@" --aptopt="Acquire::http::Proxy \"$proxy\""
	if [ "$(id -u)" = 0 ]; then
		mmdebstrap "$@" "$suite" "$dir" - <"$lines" >&2
	else
		# shellcheck disable=SC2046
		unshare $(private_namespace) sh -c 'mount -t proc proc /proc; exec mmdebstrap "$@"' sh \
			--skip=chroot/mount/sys "$@" "$suite" "$dir" - <"$lines" >&2
	fi || die "mmdebstrap failed, its messages are above: check the network and 'cat ${lines#"$TOP/"}'"
}
