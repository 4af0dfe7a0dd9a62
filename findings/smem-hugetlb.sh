#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# smem 1.5 loses the huge pages of a guest, and finds them again as memory of the kernel.
#
# Hosts that pass devices through often back guests with hugetlb pages. Of a guest of 16 GiB:
# - USS, PSS and RSS are 64 kB. smaps counts hugetlb pages in Private_Hugetlb and Shared_Hugetlb
#   alone, and smem reads neither. Its page calls USS and PSS physical memory, which these
#   pages are, and names only swap as left out.
# - "smem -w" has no line for the pool of huge pages. All 20 GiB of it, free pages included,
#   are "kernel dynamic memory", and not cache: it looks like a leak of the kernel.
# - "smem -u -c vss" prints PSS below the heading VSS. The lists of processes and maps have the size.
# Subtract Hugetlb of /proc/meminfo from the kernel's line, and read smaps for one process.
. "$(dirname "$0")/debian.sh"

debian smem=1.5-3 python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libc6 libexpat1 zlib1g \
	libbz2-1.0 liblzma5 libssl3t64

# What /proc has on such a host.
mkdir -p "$tmp/host/proc/41"
cat >"$tmp/host/proc/meminfo" <<'END-OF-FILE'
MemTotal:       32000000 kB
MemFree:         2000000 kB
Buffers:          100000 kB
Cached:          1500000 kB
AnonPages:       6000000 kB
Mapped:           400000 kB
SReclaimable:     150000 kB
HugePages_Total:   10240
HugePages_Free:     2048
Hugepagesize:       2048 kB
Hugetlb:        20971520 kB
SwapTotal:             0 kB
SwapFree:              0 kB
END-OF-FILE
echo 'Linux version 6.12.0' >"$tmp/host/proc/version"
echo '41 (qemu) S 1' >"$tmp/host/proc/41/stat"
printf 'qemu\0' >"$tmp/host/proc/41/cmdline"
cat >"$tmp/host/proc/41/smaps" <<'END-OF-FILE'
7f0000000000-7f0400000000 rw-p 00000000 00:0f 4711 /dev/hugepages/guest
Size:           16777216 kB
KernelPageSize:     2048 kB
Rss:                   0 kB
Pss:                   0 kB
Private_Clean:         0 kB
Private_Dirty:         0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb: 16777216 kB
Swap:                  0 kB
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]
Size:                132 kB
KernelPageSize:        4 kB
Rss:                  64 kB
Pss:                  64 kB
Private_Clean:         0 kB
Private_Dirty:        64 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                  0 kB
END-OF-FILE

smem() {
	PYTHONHOME=$tmp/root/usr PYTHONDONTWRITEBYTECODE=1 \
		run usr/bin/python3.13 -W ignore "$tmp/root/usr/bin/smem" -S "$tmp/host" "$@" | sed 's/  */ /g; s/^ //; s/ $//'
}

seen=$(smem -c 'name uss pss rss vss'
	smem -u -c 'count pss vss'
	smem -m -c 'map pss vss'
	smem -w | grep -e Area -e kernel.dyn -e userspace)
same "memory" "$seen" "Name USS PSS RSS VSS
qemu 64 64 64 16777348
Count PSS VSS
1 64 64
Map PSS VSS
/dev/hugepages/guest 0 16777216
[stack] 64 132
Area Used Cache Noncache
kernel dynamic memory 23600000 1350000 22250000
userspace memory 6400000 400000 6000000"
echo "$seen"
