#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# libvirt 11.3.0 reads a PCI address without 0x as decimal or octal, not as hexadecimal.
#
# lspci prints 10:00.0, and the page of the domain XML says that bus and slot are hex values.
# bus='10' is bus 0x0a for libvirt, so another device goes to the guest, or none. bus='010'
# is octal, bus 8. Neither gets a message: virt-xml-validate accepts both.
# The schema has a third opinion. It takes slot='1f' and domain='ffff' for numbers and bus='3b' for
# none; libvirt refuses all of these, and slot='09' as well, which the schema takes for 9.
# What libvirt prints has 0x everywhere. What is copied from lspci needs it in each part.
. "$(dirname "$0")/debian.sh"

debian libvirt-clients=11.3.0-3+deb13u3 libvirt0=11.3.0-3+deb13u3 libvirt-common=11.3.0-3+deb13u3 libxml2-utils libxml2 \
	libacl1 libapparmor1 libatomic1 libaudit1 libblkid1 libbrotli1 libbsd0 libc6 libcap-ng0 libcap2 libcom-err2 \
	libcurl3t64-gnutls libffi8 libgcc-s1 libglib2.0-0t64 libgmp10 libgnutls30t64 libgssapi-krb5-2 libhogweed6t64 libidn2-0 \
	libjson-c5 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libldap2 liblzma5 libmd0 libmount1 libnettle8t64 \
	libnghttp2-14 libnghttp3-9 libngtcp2-16 libngtcp2-crypto-gnutls8 libnl-3-200 libnuma1 libp11-kit0 libpcre2-8-0 \
	libpsl5t64 libreadline8t64 librtmp1 libsasl2-2 libselinux1 libssh-4 libssh2-1t64 libssl3t64 libtasn1-6 libtinfo6 \
	libtirpc3t64 libunistring5 libzstd1 zlib1g
export HOME="$tmp" XDG_CACHE_HOME="$tmp" XDG_CONFIG_HOME="$tmp" XDG_RUNTIME_DIR="$tmp" LC_ALL=C.UTF-8

# address ATTRIBUTES: what the schema and libvirt say to a device of the host at this address.
address() {
	cat >"$tmp/guest.xml" <<-END-OF-FILE
		<domain type='test'>
		  <name>guest</name>
		  <memory unit='MiB'>64</memory>
		  <os><type arch='x86_64'>hvm</type></os>
		  <devices>
		    <hostdev mode='subsystem' type='pci'><source><address $1 function='0x0'/></source></hostdev>
		  </devices>
		</domain>
	END-OF-FILE
	run usr/bin/xmllint --noout --relaxng "$tmp/root/usr/share/libvirt/schemas/domain.rng" "$tmp/guest.xml" \
		>/dev/null 2>&1 && schema=valid || schema=invalid
	libvirt=$(run usr/bin/virsh -q -c test:///default "define $tmp/guest.xml; dumpxml guest" 2>&1 |
		sed -n 's/.*<address \(.*\)\/>.*/\1/p; s/.*XML error: Invalid.*/refused/p' | head -n 1)
	echo "$1: $schema, $libvirt"
}

seen=$(address "bus='0x10' slot='0x1f'"
	address "bus='10' slot='0'"
	address "bus='010' slot='0'"
	address "bus='3b' slot='0'"
	address "bus='0' slot='10'"
	address "bus='0' slot='1f'"
	address "bus='0' slot='09'"
	address "domain='ffff' bus='0' slot='0'")
same "addresses" "$seen" "bus='0x10' slot='0x1f': valid, domain='0x0000' bus='0x10' slot='0x1f' function='0x0'
bus='10' slot='0': valid, domain='0x0000' bus='0x0a' slot='0x00' function='0x0'
bus='010' slot='0': valid, domain='0x0000' bus='0x08' slot='0x00' function='0x0'
bus='3b' slot='0': invalid, refused
bus='0' slot='10': valid, domain='0x0000' bus='0x00' slot='0x0a' function='0x0'
bus='0' slot='1f': valid, refused
bus='0' slot='09': valid, refused
domain='ffff' bus='0' slot='0': valid, refused"
echo "$seen"
