#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# modprobe of kmod 34.2 heeds "softdep r8169 pre: vfio-pci" in kvm.conf, and not in vfio.conf.
#
# This line in modprobe.d lets vfio-pci take a device before the driver of the host. modprobe
# uses one softdep of a module and drops the others without a word. Which one, the name of the file
# decides: r8169 has a softdep of its own (MODULE_SOFTDEP), which depmod writes to modules.softdep,
# and modprobe sorts that file among those of modprobe.d. What sorts before "modules.softdep"
# wins, and then the driver comes without the helper that it asks for. What sorts after it, as vfio.conf
# does, has no effect. modprobe.d(5) says that the file ordered later replaces the earlier one.
# In one file, too, the first line wins: "pre" and "post" in two lines do not add up, and a
# pattern such as "snd*" hides the line of a module. modprobe -c lists all of the lines.
# Name the file so that it sorts first, and repeat what modules.softdep has of the module.
. "$(dirname "$0")/debian.sh"

debian kmod=34.2-2 libkmod2=34.2-2 libzstd1 liblzma5 libssl3t64 zlib1g libc6

# module NAME [SOFTDEP]: an ELF file with nothing but the .modinfo of a module.
modules=$tmp/lib/modules/6.12.0
mkdir -p "$modules/kernel" "$tmp/modprobe.d"
touch "$modules/modules.order" "$modules/modules.builtin" "$modules/modules.builtin.modinfo"
module() {
	perl -e '
		my ($name, $softdep) = @ARGV;
		my @sections = ([".modinfo", join "", map { "$_\0" } "name=$name", "license=GPL", $softdep ? "softdep=$softdep" : ()]);
		push @sections, [".shstrtab", "\0.modinfo\0.shstrtab\0"];
		my ($data, $headers, $at) = ("", "\0" x 64, 1);
		for (@sections) {
			$headers .= pack("V2Q<4V2Q<2", $at, $_->[0] eq ".modinfo" ? 1 : 3, 2, 0, 64 + length $data, length $_->[1], 0, 0, 1, 0);
			$at += 1 + length $_->[0];
			$data .= $_->[1];
		}
		$data .= "\0" x (-length($data) % 8);
		print pack("a4C5x7v2VQ<3Vv6", "\x7fELF", 2, 1, 1, 0, 0, 1, 62, 1, 0, 0, 64 + length $data, 0, 64, 0, 0, 64, 3, 2), $data, $headers' \
		"$@" >"$modules/kernel/$1.ko"
}
module r8169 "pre: realtek"
for name in realtek vfio-pci snd_demo; do module $name; done
run usr/sbin/depmod -b "$tmp" 6.12.0

# load MODULE FILE [LINE...]: what modprobe loads, in order, with these lines in a file of modprobe.d.
load() {
	name=$1 file=$2
	shift 2
	printf '%s\n' "$@" >"$tmp/modprobe.d/$file"
	echo "$file: $*: $(show --show-depends "$name" | sed 's,.*/\([^/]*\)\.ko.*,\1,' | paste -s -d ' ' -)"
	rm "$tmp/modprobe.d/$file"
}
show() { run usr/sbin/modprobe -C "$tmp/modprobe.d" -d "$tmp" -S 6.12.0 "$@" 2>&1; }

seen=$(for file in kvm.conf modules.conf pci.conf vfio.conf; do load r8169 $file 'softdep r8169 pre: vfio-pci'; done
	load r8169 kvm.conf 'softdep r8169 pre: vfio-pci realtek'
	load snd_demo vfio.conf 'softdep snd_demo pre: vfio-pci'
	load snd_demo vfio.conf 'softdep snd_demo pre: vfio-pci' 'softdep snd_demo post: realtek'
	load snd_demo vfio.conf 'softdep snd_demo pre: vfio-pci post: realtek'
	load snd_demo vfio.conf 'softdep snd* pre: realtek' 'softdep snd_demo pre: vfio-pci'
	echo 'softdep r8169 pre: vfio-pci' >"$tmp/modprobe.d/vfio.conf"
	echo "lines in modprobe -c: $(show -c | grep -c '^softdep r8169')")
same "soft dependencies" "$seen" "kvm.conf: softdep r8169 pre: vfio-pci: vfio-pci r8169
modules.conf: softdep r8169 pre: vfio-pci: vfio-pci r8169
pci.conf: softdep r8169 pre: vfio-pci: realtek r8169
vfio.conf: softdep r8169 pre: vfio-pci: realtek r8169
kvm.conf: softdep r8169 pre: vfio-pci realtek: vfio-pci realtek r8169
vfio.conf: softdep snd_demo pre: vfio-pci: vfio-pci snd_demo
vfio.conf: softdep snd_demo pre: vfio-pci softdep snd_demo post: realtek: vfio-pci snd_demo
vfio.conf: softdep snd_demo pre: vfio-pci post: realtek: vfio-pci snd_demo realtek
vfio.conf: softdep snd* pre: realtek softdep snd_demo pre: vfio-pci: realtek snd_demo
lines in modprobe -c: 2"
echo "$seen"
