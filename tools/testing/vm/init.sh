#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# PID 1 of the test VM: mounts what a booted system has, runs the command,
# and reports its exit status on the result channel as the very last thing.
# Anything that goes wrong before that shows as a result that never came.
PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb
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

# port NAME: the virtio port of that name. Only one opener at a time.
port() {
	for entry in /sys/class/virtio-ports/*; do
		[ "$(cat "$entry/name")" = "$1" ] && echo "/dev/${entry##*/}" && return
	done
}
IOASID_RESULT=$(port result)
export IOASID_RESULT
output=$(port output)

# Through a pipe: a test may then open /dev/stdout or /dev/stderr again, which
# a port would refuse.
mkfifo /run/output
cat </run/output >"$output" &
pump=$!
cd /ioasid || exit
# Programs for another architecture than that of the build root have a folder.
case $(uname -m) in
aarch64)
	for folder in build/arm64/*/; do
		mkdir -p "build/$(basename "$folder")"
		mount --bind "$folder" "build/$(basename "$folder")"
	done ;;
esac
sh -c ". /ioasid/build/vm/$run.d/command" </dev/null >/run/output 2>&1
status=$?

# What the command left running may hold the pipe open; it gets two seconds.
tries=0
while kill -0 $pump 2>/dev/null && [ $tries -lt 20 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
dmesg -n 1
echo "exit $status" >"$IOASID_RESULT"
echo b >/proc/sysrq-trigger
sleep 60
