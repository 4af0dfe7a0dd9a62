# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by the scripts of the project that run on the host. The caller sets
# TOP, the project's folder, and everything else follows from it.

BUILD=$TOP/build
# shellcheck disable=SC2034
ROOT=$BUILD/root
ME=${0##*/}

# How the modules are built in the build root, everywhere: lint must not compile
# them again. A user's build (KDIR=, DKMS) takes no warning for an error.
# shellcheck disable=SC2034
MODULE_FLAGS="W=1 KCFLAGS=-Werror${IOASID_GCOV:+ IOASID_GCOV=y}"

# The architecture of the build root, and so of what is not built for another.
# shellcheck disable=SC2034
HOST_ARCH=amd64

# series_arch SERIES-OR-RELEASE: the architecture that a kernel is for.
series_arch() {
	case $1 in
	arm64|*-arm64) echo arm64 ;;
	*) echo "$HOST_ARCH" ;;
	esac
}

# cross_prefix ARCH: how the compilers of the build root for it are named.
cross_prefix() { [ "$1" = "$HOST_ARCH" ] || echo "aarch64-linux-gnu-"; }

# Messages go to stderr; die() is always one line that says what to do.
say() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() { say "$*"; exit 1; }

# need_tool COMMAND PACKAGE: as root install it, as a user say how.
# Only adds packages: nothing that is installed is replaced or removed.
need_tool() {
	command -v "$1" >/dev/null && return
	if [ "$(id -u)" != 0 ]; then
		die "$1 is missing: install it with 'sudo apt-get install $2' and try again"
	fi
	command -v apt-get >/dev/null ||
		die "$1 is missing and this host has no apt-get: install $1 and try again"
	say "installing $2, which provides $1"
	install_package "$2" ||
		die "cannot install $2: run 'apt-get install $2' by hand and try again"
}

install_package() {
	mkdir -p "$BUILD/apt"
	{
		host_apt update -qq &&
		DEBIAN_FRONTEND=noninteractive host_apt install -y -qq \
			--no-install-recommends --no-upgrade --no-remove "$1"
	} >"$BUILD/apt/install.log" 2>&1 && return
	tail -n 5 "$BUILD/apt/install.log" >&2
	return 1
}

# The host's apt with its own sources, but with lists and cache of ours, so
# that nothing of the host changes except the packages that are added.
host_apt() {
	mkdir -p "$BUILD/apt/lists/partial" "$BUILD/apt/archives/partial"
	apt-get -o Dir::State::lists="$BUILD/apt/lists" \
		-o Dir::Cache="$BUILD/apt" \
		-o Dir::Cache::archives="$BUILD/apt/archives" "$@"
}

# The namespaces a command for the build root needs. A plain user becomes
# root of a user namespace of its own; the sub-ids are mapped behind it.
private_namespace() {
	if [ "$(id -u)" = 0 ]; then
		echo "--mount --pid --fork --kill-child"
	else
		echo "--user --map-root-user --map-auto --mount --pid --fork --kill-child"
	fi
}

check_user_namespaces() {
	[ "$(id -u)" = 0 ] && return
	need_tool newuidmap uidmap
	# shellcheck disable=SC2046
	unshare $(private_namespace) true 2>/dev/null ||
		die "user namespaces do not work here: as root, give '$(id -un)' a line in /etc/subuid and /etc/subgid ('usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)') and set kernel.unprivileged_userns_clone=1, or run this as root"
}
