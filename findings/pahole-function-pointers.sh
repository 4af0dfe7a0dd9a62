#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# pahole 1.30 prints no C for a pointer to a function that returns such a pointer.
#
# The member "void (*(*getter)(int))(int)" comes out as "void ()(int) * (*getter)(int)",
# from BTF as from DWARF, though pahole's --compile is meant to be compiled. One member of this
# kind, as the setter of a handler has, and no compiler takes the whole output.
# A plain pointer to a function is right. A typedef of the pointer that is returned helps, and
# bpftool btf dump format c writes the member as C.
. "$(dirname "$0")/debian.sh"

debian pahole=1.30-1 libdw1t64 libelf1t64 libbpf1 libbz2-1.0 liblzma5 zlib1g libzstd1 libc6

# BTF of: typedef void (*handler)(int);
# struct demo { int (*plain)(int); void (*(*getter)(int))(int); handler (*named)(int); };
perl -e '
	my $strings = "\0";
	sub name { my $at = length $strings; $strings .= "$_[0]\0"; return $at }
	sub type { my ($name, $kind, $members, $size) = @_; return pack("V3", $name, $kind << 24 | $members, $size) }
	my $parameter = pack("V2", 0, 1);
	my $types = type(name("int"), 1, 0, 4) . pack("V", 1 << 24 | 32);		# 1
	$types .= type(0, 13, 1, 1) . $parameter . type(0, 2, 0, 2);			# 2, 3: plain
	$types .= type(0, 13, 1, 0) . $parameter . type(0, 2, 0, 4);			# 4, 5: a handler
	$types .= type(0, 13, 1, 5) . $parameter . type(0, 2, 0, 6);			# 6, 7: getter
	$types .= type(name("handler"), 8, 0, 5);					# 8
	$types .= type(0, 13, 1, 8) . $parameter . type(0, 2, 0, 9);			# 9, 10: named
	$types .= type(name("demo"), 4, 3, 24);
	$types .= pack("V3", name("plain"), 3, 0) . pack("V3", name("getter"), 7, 64) . pack("V3", name("named"), 10, 128);
	print pack("vCCV5", 0xeb9f, 1, 0, 24, 0, length $types, length $types, length $strings), $types, $strings' >"$tmp/demo.btf"

seen=$(run usr/bin/pahole -F btf -C demo "$tmp/demo.btf" | sed -n 's/[	 ][	 ]*/ /g; s,; /\*.*,;,; /[(]\*/p')
same "pointers to functions" "$seen" " int (*plain)(int);
 void ()(int) * (*getter)(int);
 handler (*named)(int);"
echo "$seen"
