#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# PID 1 of the test VM: mounts what a booted system has, runs the command,
# and reports its exit status on the result channel as the very last thing.
# Anything that goes wrong before that shows as a result that never came.
PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TERM=dumb
export PATH HOME LC_ALL TERM

run=$(sed -n 's/.*ioasid_run=\([^ ]*\).*/\1/p' /proc/cmdline)

mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=755 run /run
mkdir -p /dev/pts /dev/shm /dev/hugepages
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t hugetlbfs hugetlbfs /dev/hugepages
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
ln -snf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
ip link set lo up
echo ioasid-vm >/proc/sys/kernel/hostname
echo 120 >/proc/sys/kernel/hung_task_timeout_secs

sh /ioasid/tools/testing/vm/command "$run"
dmesg -n 1
echo b >/proc/sysrq-trigger
sleep 60
