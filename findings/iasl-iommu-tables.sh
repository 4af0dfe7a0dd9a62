#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# iasl 20250404 loses bytes of two tables that describe IOMMUs, without a warning.
#
# - IORT: the device name of a named component is cut to three bytes and has no NUL.
#   No device of the namespace has such a name, so none gets this IOMMU.
# - IVRS: a device that is named by its ACPI HID and has no UID ends in two zero bytes, the
#   format and the length of the UID. The text of iasl -d leaves them out, and the table that
#   iasl makes of this text lacks them: the entry is shorter than its type says, and
#   a reader takes the two bytes from what follows it.
#
# A table that has gone through iasl needs its bytes compared before a guest gets it.
. "$(dirname "$0")/debian.sh"

debian acpica-tools=20250404-1 libc6

# One node: a device of the namespace. Padding is optional and here to end the name.
cat >"$tmp/iort.asl" <<'END'
[0004] Signature : "IORT"
[0004] Table Length : 00000000
[0001] Revision : 05
[0001] Checksum : 00
[0006] Oem ID : "DEMO  "
[0008] Oem Table ID : "DEMODEMO"
[0004] Oem Revision : 00000001
[0004] Asl Compiler ID : "INTL"
[0004] Asl Compiler Revision : 00000000
[0004] Node Count : 00000001
[0004] Node Offset : 00000030
[0004] Reserved : 00000000
[0001] Type : 01
[0002] Length : 0000
[0001] Revision : 04
[0004] Identifier : 00000000
[0004] Mapping Count : 00000000
[0004] Mapping Offset : 00000000
[0004] Node Flags : 00000000
[0008] Memory Properties : [IORT Memory Access Properties]
[0004] Cache Coherency : 00000000
[0001] Hints (decoded below) : 00
Transient : 0
Write Allocate : 0
Read Allocate : 0
Override : 0
[0002] Reserved : 0000
[0001] Memory Flags (decoded below) : 00
Coherency : 0
Device Attribute : 0
Ensured Coherency of Accesses : 0
[0001] Memory Size Limit : 00
[0014] Device Name : "\_SB.PCI0.DEV0"
[0004] Padding : 11 22 33 44
END

# An IVRS with one IOMMU, and on it one device: HID, no CID, no UID.
perl -e '
	my $device = pack("CvCa8a8CC", 0xf0, 0x98, 0, "DEMO0001", "", 0, 0);
	my $iommu = pack("vvQ<vvVQ<Q<", 2, 0x40, 0xfd000000, 0, 0, 0, 0, 0) . $device;
	my $body = pack("VQ<", 0x203043, 0) . pack("CCv", 0x40, 0xb0, 4 + length $iommu) . $iommu;
	my $table = pack("a4VCCa6a8Va4V", "IVRS", 36 + length $body, 2, 0, "DEMO  ", "DEMODEMO", 1, "INTL", 1) . $body;
	substr($table, 9, 1) = pack("C", -unpack("%8C*", $table) & 255);
	print $table' >"$tmp/ivrs.aml"

iasl() { run usr/bin/iasl "$@" >>"$tmp/log" 2>&1; }
verdict() { grep -o 'Compilation successful. 0 Errors, 0 Warnings' "$tmp/log" | tail -n 1; }

: >"$tmp/log"
iasl -p "$tmp/iort" "$tmp/iort.asl"
seen="IORT: $(verdict), the name and four bytes of padding: $(perl -0777 -ne 'print unpack("H*", substr($_, 0x4d))' "$tmp/iort.aml")"

: >"$tmp/log"
before=$(wc -c <"$tmp/ivrs.aml")
iasl -d "$tmp/ivrs.aml"
iasl -p "$tmp/again" "$tmp/ivrs.dsl"
seen="$seen
IVRS: $(verdict), $before bytes became $(wc -c <"$tmp/again.aml"), UID in the text: $(grep -c UID "$tmp/ivrs.dsl" || :)"

same "tables" "$seen" "IORT: Compilation successful. 0 Errors, 0 Warnings, the name and four bytes of padding: 5c5f5311223344
IVRS: Compilation successful. 0 Errors, 0 Warnings, 110 bytes became 108, UID in the text: 0"
echo "$seen"
