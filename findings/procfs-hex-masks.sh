#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# python3-linux-procfs 0.7.3, which tuna is built on, reads masks of /proc by their look.
#
# In /proc/PID/status masks are hexadecimal. pidstatus makes a number of what int() takes,
# in base ten: "Cpus_allowed: 30", the processors 4 and 5, becomes the int 30, and "3f"
# stays the text "3f". A signal mask of digits alone changes in the same way.
# "Name: kworker/2:1" holds a colon, so the line is left out: no kworker has a Name.
# In /proc/PID/stat the name of "(sd-pam)", which each user's systemd starts, loses its
# parentheses, so find_by_name("(sd-pam)") finds nothing.
# process_flags() has the names that Linux gave the bits ten years ago: a thread of
# io_uring or vhost (PF_IO_WORKER 0x10, PF_USER_WORKER 0x4000) is said to be PF_VCPU and
# PF_USED_ASYNC, and a task that runs a virtual processor (PF_VCPU 1) PF_ALIGNWARN.
# So read Cpus_allowed_list in place of the mask, and flags as a number.
. "$(dirname "$0")/debian.sh"

debian python3-linux-procfs=0.7.3-3 python3.13-minimal libpython3.13-minimal libpython3.13-stdlib \
	libc6 libexpat1 zlib1g

# task PID STATUS STAT: what /proc has of it.
task() {
	mkdir -p "$tmp/proc/$1"
	printf %b "$2" >"$tmp/proc/$1/status"
	echo "$1 $3" >"$tmp/proc/$1/stat"
}
task 41 'Name:\tqemu\nSigCgt:\t0000000180014003\nCpus_allowed:\t30\nCpus_allowed_list:\t4-5\n' '(qemu) S 1 41 41 0 -1 1'
task 42 'Name:\tkworker/2:1\nCpus_allowed:\t3f\n' '(kworker/2:1) I 2 0 0 0 -1 0'
task 43 'Name:\t(sd-pam)\n' '((sd-pam)) S 1 43 43 0 -1 0'
task 44 'Name:\tiou-wrk-41\n' '(iou-wrk-41) S 1 41 41 0 -1 16400'

cat >"$tmp/ask.py" <<'END'
import sys, procfs
base = sys.argv[1]
status = procfs.pidstatus(41, base)
print(*(repr(status[k]) for k in ("Cpus_allowed", "Cpus_allowed_list", "SigCgt")))
status = procfs.pidstatus(42, base)
print(repr(status["Cpus_allowed"]), "Name" in status)
tasks = procfs.pidstats(base)
print(tasks.find_by_name("(sd-pam)"), tasks.find_by_name("sd-pam"))
print(*(procfs.pidstat(p, base).process_flags() for p in (41, 44)))
END
seen=$(PYTHONHOME=$tmp/root/usr PYTHONPATH=$tmp/root/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 \
	run usr/bin/python3.13 "$tmp/ask.py" "$tmp/proc")
same "masks and names" "$seen" "30 '4-5' 180014003
'3f' False
[] [43]
['PF_ALIGNWARN'] ['PF_USED_ASYNC', 'PF_VCPU']"
echo "$seen"
