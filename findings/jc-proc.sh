#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# jc 1.25.4 turns some files of /proc into numbers that are not in them.
#
# /proc/PID/status: a process in a PID namespace has two ids, "NSpid: 1 12". jc joins the
# digits: 112, the id of another process or of none. So do NStgid, NSpgid and NSsid.
# /proc/PID/fdinfo: flags are octal. jc reads them as decimal: of 02100002 it makes 2100002,
# in which O_CLOEXEC (02000000) is not set.
# /proc/PID/numa_maps: the policy "prefer (many):0-1" loses its nodes to the options.
# /proc/interrupts: a line without a description, like ERR, gets that of the line before.
# /proc/modules: one module from outside of the kernel, with its "(OE)" at the end, and
# the parser refuses the whole file, so on every machine with a DKMS module.
# status, fdinfo and numa_maps have to be read without jc where these fields matter; lsmod
# is parsed in place of /proc/modules.
. "$(dirname "$0")/debian.sh"

debian jc=1.25.4-1 python3-ruamel.yaml python3-xmltodict python3-pygments python3.13-minimal \
	libpython3.13-minimal libpython3.13-stdlib libc6 libexpat1 zlib1g libssl3t64 libzstd1 libffi8 \
	libbz2-1.0 liblzma5

jc() {
	PYTHONHOME=$tmp/root/usr PYTHONPATH=$tmp/root/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 \
		run usr/bin/python3.13 -W ignore -m jc "$@" 2>&1 | sed -n '1s/^ *//p'
}

seen=$(printf 'Pid:\t812\nNStgid:\t812\t12\nNSpid:\t812\t12\n' | jc --proc-pid-status
	printf 'pos:\t0\nflags:\t02100002\nmnt_id:\t15\n' | jc --proc-pid-fdinfo
	echo '7f0000000000 prefer (many):0-1 anon=1 dirty=1 N0=1 kernelpagesize_kB=4' | jc --proc-pid-numa-maps
	printf '           CPU0\nPIN:          0   Posted-interrupt notification event\nERR:          3\n' | jc --proc-interrupts
	echo 'vfio_pci_core 90112 1 ioasid_pci, Live 0xffffffffc0a00000' | jc --proc-modules
	echo 'ioasid 294912 2 ioasid_vfio,ioasid_pci, Live 0xffffffffc0900000 (OE)' | jc --proc-modules)
same "numbers" "$seen" '{"Pid":812,"NStgid":81212,"NSpid":81212}
{"pos":0,"flags":2100002,"mnt_id":15}
[{"address":"7f0000000000","policy":"prefer","anon":1,"dirty":1,"N0":1,"kernelpagesize_kB":4,"options":["(many):0-1"]}]
[{"irq":"PIN","cpu_num":1,"interrupts":[0],"type":"Posted-interrupt notification event","device":null},{"irq":"ERR","cpu_num":1,"interrupts":[3],"type":"Posted-interrupt notification event","device":null}]
[{"module":"vfio_pci_core","size":90112,"used":1,"used_by":["ioasid_pci"],"status":"Live","location":"0xffffffffc0a00000"}]
jc:  Error - proc-modules parser could not parse the input data.'
echo "$seen"
