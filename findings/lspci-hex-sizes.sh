#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# lspci 3.13.0 prints the sizes of ATS, PASID and PRI in hexadecimal, without a sign
# of it.
#
# A device with 20 bits of PASID has "Max PASID Width: 14", in a line like those that say
# "Width x4" or "MaxPayload 128 bytes" in decimal: a reader takes it for 14 bits. A
# queue of 512 page requests is "00000200". The queue depth of ATS is the
# register's value as well, where zero stands for 32: "Invalidate Queue Depth: 00".
# A script that sizes its tables by lspci has to read them as hexadecimal.
. "$(dirname "$0")/debian.sh"

debian pciutils=1:3.13.0-2 libpci3=1:3.13.0-2 libkmod2 zlib1g libzstd1 liblzma5 libssl3t64 libudev1 libcap2 libc6

# The configuration space of a device with these capabilities, as lspci -xxxx prints it.
perl -e '
	my @space = (0) x 1024;
	@space[0, 1, 2, 13] = (0x15338086, 0x00100006, 0x02000003, 0x50);
	@space[0x50 / 4, 0x54 / 4] = (0x00020010, 0x10008fc1);
	@space[0x100 / 4, 0x104 / 4] = (0x1101000f, 0x80000060);
	@space[0x110 / 4, 0x114 / 4] = (0x1201001b, 0x00031406);
	@space[0x120 / 4 .. 0x12c / 4] = (0x00010013, 0x01000001, 512, 32);
	my @bytes = unpack "C*", pack "V*", @space;
	print "00:01.0 Ethernet controller: demo\n";
	printf "%02x: %s\n", $_, join " ", map { sprintf "%02x", $_ } @bytes[$_ .. $_ + 15]
		for map { 16 * $_ } 0 .. 255' >"$tmp/space"

seen=$(run usr/bin/lspci -vv -F "$tmp/space" 2>/dev/null | sed -n 's/^\t*//; /MaxPayload 128/s/,.*//p; /Queue Depth\|PASIDCap:\|Request Capacity/p')
same "sizes" "$seen" "MaxPayload 128 bytes
ATSCap:	Invalidate Queue Depth: 00
PASIDCap: Exec+ Priv+, Max PASID Width: 14
Page Request Capacity: 00000200, Page Request Allocation: 00000020"
echo "$seen"
