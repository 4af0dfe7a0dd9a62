#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# dpdk-hugepages.py of DPDK 24.11 cannot show a tebibyte, and rounds what it shows down.
#
# With 1 TiB of huge pages on one node, what a host of large virtual machines has, the status
# ends with IndexError: the units stop at "Gb". Below, the fraction is cut off: 1022
# pages of 2 MiB, 2044 MiB, are "1Gb", while the table's columns of pages and size are right, so
# the total contradicts them. "b" stands for bytes. Multiply pages and size instead.
. "$(dirname "$0")/debian.sh"

debian dpdk=24.11.8-0+deb13u1 python3.13-minimal libpython3.13-minimal libpython3.13-stdlib \
	libc6 libexpat1 zlib1g

# node NUMBER PAGES-OF-2M PAGES-OF-1G
node() {
	for size in "2048kB $2" "1048576kB $3"; do
		mkdir -p "$tmp/nodes/node$1/hugepages/hugepages-${size% *}"
		echo "${size#* }" >"$tmp/nodes/node$1/hugepages/hugepages-${size% *}/nr_hugepages"
	done
}

# The status, of the nodes there.
cat >"$tmp/status.py" <<'END'
import importlib.machinery, importlib.util, sys
loader = importlib.machinery.SourceFileLoader("hugepages", sys.argv[1])
hugepages = importlib.util.module_from_spec(importlib.util.spec_from_loader("hugepages", loader))
loader.exec_module(hugepages)
hugepages.NUMA_NODE_BASE_DIR = sys.argv[2]
try:
    hugepages.print_hp_status(hugepages.scan_huge_dirs(None))
except IndexError as e:
    print("IndexError:", e)
END
status() {
	PYTHONHOME=$tmp/root/usr PYTHONDONTWRITEBYTECODE=1 \
		run usr/bin/python3.13 "$tmp/status.py" "$tmp/root/usr/bin/dpdk-hugepages.py" "$tmp/nodes" | sed 's/ *$//'
}

node 0 1022 0
node 1 0 1023
seen=$(status)
node 1 0 1024
seen=$seen/$(status)
same "the status" "$seen" "Node  Pages  Size   Total
0      1022   2Mb     1Gb
1      1023   1Gb  1023Gb/IndexError: string index out of range"
printf '%s\n' "$seen"
