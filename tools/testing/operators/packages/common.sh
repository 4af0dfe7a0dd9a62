# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by what runs on the machine of the row packages, in its tree and in its VM. The last
# line that a step prints is "ok", with what was seen, or what is wrong.

fail() { echo "$*"; exit 1; }

# apt_get ARGUMENT...: with what Debian 12 needs for libbpf.
apt_get() {
	target=
	[ ! -e /etc/apt/sources.list.d/backports.list ] || ! grep -q bookworm /etc/apt/sources.list.d/backports.list ||
		target='-t bookworm-backports'
	# shellcheck disable=SC2086
	apt-get $target "$@"
}

# package VERSION: of that version of ioasid, the version of the packages here.
package() {
	case $(. /etc/os-release && echo "$VERSION_ID") in
	12) echo "$1~deb12" ;;
	*) echo "$1" ;;
	esac
}

kernels() { for file in /boot/vmlinuz-*; do echo "${file#/boot/vmlinuz-}"; done; }

modules='ioasid ioasid_vfio ioasid_pci ioasid_setcontainer'

# on_disk VERSION KERNEL: all modules that modprobe would load there are of that version, are
# what DKMS has built of it, and are signed.
on_disk() {
	for module in $modules; do
		is=$(modinfo -k "$2" -F version "$module")
		[ "$is" = "$1" ] || fail "modprobe finds version '$is' of $module for $2, not $1"
		set -- "$1" "$2" /var/lib/dkms/ioasid/"$1"/"$2"/*/module/"$module".ko*
		is=$(modinfo -k "$2" -F srcversion "$module")
		built=$(modinfo -F srcversion "$3")
		[ -n "$(modinfo -k "$2" -F signer "$module")" ] || fail "$module for $2 is not signed"
		[ "${is:-none}" = "$built" ] || fail "$module for $2 is of the sources '$is', DKMS has built '$built'"
	done
}

# ours: files that have our name, outside of what apt and this test keep.
ours() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /home -o -path /srv -o -path /root \
		-o -path /ioasid -o -path /var/cache -o -path /var/lib/apt -o -path /var/log -o -path /tmp -o -path /var/tmp \
		-o -name ioasid.list -path /etc/apt/sources.list.d/ioasid.list \) -prune -o -iname '*ioasid*' -print
}

# unowned: files and folders of no package, without those that any boot or any package may make.
unowned() {
	cat /var/lib/dpkg/info/*.list | sed 's,^/\(lib\|lib64\|bin\|sbin\)\(/\|$\),/usr/\1\2,' | sort -u >/tmp/owned
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /home -o -path /srv -o -path /root \
		-o -path /ioasid -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/log -o -path /tmp \
		-o -path /var/tmp -o -path /var/lib/systemd -o -path /var/lib/private -o -name __pycache__ -o -name .updated \) -prune -o -print |
		sort -u | comm -23 - /tmp/owned
}
