#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU with -device vfio-pci, inside the VM and so emulated twice: it boots a
# small Linux (guest makes it) that reads the drive. Then the drive goes away
# twice while the guest reads from it: once QEMU is told to unplug it, and is
# given it again; once the host takes it back.
. tools/testing/consumers/common.sh

DISK=0000:00:04.0
GUEST=build/consumers/guest
MEM=128
WANTED=$(head -c 8M build/vm/pattern.img | md5sum | cut -d ' ' -f 1)
CONSOLE=$WORK/console

# What of a boot does not serve the purpose here, and would take minutes.
QUICK="quiet lsm=capability audit=0 rodata=off nokaslr mitigations=off no_timer_check tsc=reliable"
QUICK="$QUICK mce=off nowatchdog cryptomgr.notests panic=-1"
QUICK="$QUICK initcall_blacklist=jent_mod_init,trace_eval_init,init_kprobe_trace,load_system_certificate_list"

saw() { grep -q -e "$1" "$CONSOLE"; }
answered() { grep -q -e "$1" "$WORK/qmp.log"; }

# qmp COMMAND [ARGUMENTS]: tells QEMU; waits for its answer, which is not an error.
qmp() {
	: >"$WORK/qmp.log"
	echo "{ \"execute\": \"$1\"${2:+, \"arguments\": { $2 \}} }" >&4
	await 60 "an answer to $1" answered '"\(return\|error\)"'
	! answered '"error"' || fail "QEMU says: $(grep -m 1 '"error"' "$WORK/qmp.log")"
}

# stop: ends QEMU, and waits. timeout passes a TERM on; killed itself it would
# leave QEMU behind, with the device and all its memory.
stop() {
	kill "$qemu" "$reader" 2>/dev/null || :
	wait "$qemu" 2>/dev/null || :
}

start() {
	rm -f "$WORK/qmp.in" "$WORK/qmp.out"
	mkfifo "$WORK/qmp.in" "$WORK/qmp.out"
	: >"$CONSOLE"
	timeout -k 5 1100 qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
		-machine pc -accel tcg -m "$MEM" -kernel "$GUEST/vmlinux" -initrd "$GUEST/initramfs" \
		-append "console=ttyS0 $QUICK" -serial "file:$CONSOLE" \
		-chardev "pipe,id=qmp,path=$WORK/qmp" -mon chardev=qmp,mode=control \
		-device vfio-pci,id=disk,host="$DISK" &
	qemu=$!
	trap 'tail -n 20 "$CONSOLE"; cat "$WORK/qmp.log"; stop' EXIT
	# By descriptor: a new reader could miss what was said before it came.
	cat <"$WORK/qmp.out" >>"$WORK/qmp.log" &
	reader=$!
	exec 4<>"$WORK/qmp.in"
	qmp qmp_capabilities
}

# disk_read ROUND SECONDS: waits until the guest has read the drive, rightly.
disk_read() {
	await "$2" "the checksum of round $1" saw "guest: round $1: sum"
	saw "guest: round $1: read 64 MiB" || fail "the guest did not read 64 MiB"
	saw "guest: round $1: sum $WANTED " || fail "the guest's checksum is wrong: $(grep "round $1: sum" "$CONSOLE")"
}

# QEMU has no device left: its container is closed, its memory is free again.
unpinned() { [ "$(pinned)" = "$before" ]; }

unplug() {
	progress "device_del while the guest reads"
	qmp device_del '"id": "disk"'
	await 90 "DEVICE_DELETED" answered '"DEVICE_DELETED"'
	await 60 "the guest's word that the disk is gone" saw "guest: round 1: the disk is gone"
	await 10 "the end of all pins" unpinned
}

plug() {
	progress "device_add"
	qmp device_add "\"driver\": \"vfio-pci\", \"id\": \"disk2\", \"host\": \"$DISK\""
	disk_read 2 120
	[ "$(pinned)" != "$before" ] || fail "the guest reads, and none of its memory is pinned"
}

ended() { ! kill -0 "$qemu" || grep -q '^State:.Z' "/proc/$qemu/status"; }

# The guest releases it first; until then the write to unbind waits.
take_back() {
	progress "unbind on the host while the guest reads"
	: >"$WORK/qmp.log"
	timeout -k 5 120 sh -c "echo $DISK >/sys/bus/pci/drivers/vfio-pci/unbind" || fail "the host could not unbind the device"
	[ ! -e "/sys/bus/pci/devices/$DISK/driver" ] || fail "the device still has a driver"
	await 60 "DEVICE_DELETED" answered '"DEVICE_DELETED"'
	await 60 "the guest's word that the disk is gone" saw "guest: round 2: the disk is gone"
	await 10 "the end of all pins" unpinned
}

boot_and_unplug() {
	device_to "$DISK" vfio-pci
	start
	progress "the guest boots"
	await 900 "the guest's user land" saw "guest: up"
	progress "the guest is up and reads"
	disk_read 1 120
	most=$(pinned)
	unplug
	plug
	take_back
	await 60 "the end of QEMU" ended
	wait "$qemu" || fail "QEMU exited with $?"
	trap - EXIT
	result "boot, 64 MiB read, checksum right; device_del, device_add, read again; host unbind; $((most - before)) pages pinned while it ran"
}

begin "QEMU $(version qemu-system-x86), vfio-pci (a Linux guest with $MEM MiB)" "$DISK"
attempt "boot, read the disk, unplug, plug, host unbind" boot_and_unplug
finish
