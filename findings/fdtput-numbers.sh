#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# fdtput 1.7.2 writes other numbers than it is given, and succeeds.
#
# Two kinds of numbers go wrong, each with exit code 0 and without a message:
# - A value of more than 32 bits keeps its lower half. The address 0x8000000000 of a PCI window
#   or of an IOVA range becomes 0. dtc warns of the same number in its source.
# - A number that begins with 0x is 0, unless the type is "i" or "x".
# fdtget reads with a sign unless it is given a type: the MSI base 0xfee00000 is -18874368.
# Write a wide value as two cells of "-t x".
. "$(dirname "$0")/debian.sh"

debian device-tree-compiler=1.7.2-2+b1 libfdt1=1.7.2-2+b1 libyaml-0-2 libc6

# put TYPE VALUE...: writes a property, and prints it as bytes.
put() {
	type=$1
	shift
	code=0
	run usr/bin/fdtput -t "$type" "$tmp/tree" / demo "$@" 2>"$tmp/log" || code=$?
	echo "$type $*: $(run usr/bin/fdtget -t bx "$tmp/tree" / demo), exit $code, $(wc -l <"$tmp/log") messages"
}

cat >"$tmp/source" <<'END-OF-TREE'
/dts-v1/;
/ {
	window = <0x8000000000>;
	msi = <0xfee00000>;
};
END-OF-TREE
run usr/bin/dtc -q -O dtb -o "$tmp/tree" "$tmp/source" 2>"$tmp/log"
warning=$(sed 's/.*WARNING: [^ ]* //' "$tmp/log")

seen=$(echo "dtc: $warning"
	put x 8000000000
	put u 4276092928
	put u 0xfee00000
	put i 0xfee00000
	echo "fdtget: $(run usr/bin/fdtget "$tmp/tree" / msi)")
same "numbers in a device tree" "$seen" "dtc: Value 0x0000008000000000 truncated to 0x00000000
x 8000000000: 0 0 0 0, exit 0, 0 messages
u 4276092928: fe e0 0 0, exit 0, 0 messages
u 0xfee00000: 0 0 0 0, exit 0, 0 messages
i 0xfee00000: fe e0 0 0, exit 0, 0 messages
fdtget: -18874368"
echo "$seen"
