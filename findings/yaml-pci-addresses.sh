#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Some PCI addresses are numbers in YAML, and the readers of YAML do not agree on which number.
#
# YAML 1.1 has numbers of base 60: digits with colons, and a fraction. "0000:01:00.0" is
# one. PyYAML 6.0.2 and psych of Ruby 3.3 read it as 60.0. The address 0000:3b:00.0 has a letter, and
# 0000:65:00.0 a part above 59: those are strings. So a configuration that names devices without quotes
# works on one host, and not on the next, where the slot has another bus number.
# Of "01:00.0" PyYAML makes 60.0 as well, and psych 3600.0, as if a last part were missing.
# YAML 1.2 has no base 60. ruamel.yaml 0.18.10 reads and writes it, so it writes every
# address without quotes, and PyYAML reads the same file as numbers.
# Write PCI addresses in quotes, or begin them with a key that is text, as in "pci:0000:01:00.0".
. "$(dirname "$0")/debian.sh"

debian python3-yaml=6.0.2-1+b2 python3-ruamel.yaml=0.18.10+ds-1 ruby3.3=3.3.8-2 libruby3.3=3.3.8-2 \
	python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libc6 libexpat1 zlib1g libyaml-0-2 \
	libgmp10 libcrypt1

cat >"$tmp/devices" <<'END-OF-FILE'
- 0000:01:00.0
- 0000:3b:00.0
- 0000:41:00.1
- 0000:65:00.0
- 10000:01:00.0
- 01:00.0
- pci:0000:01:00.0
END-OF-FILE

python() {
	PYTHONHOME=$tmp/root/usr PYTHONPATH=$tmp/root/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 \
		run usr/bin/python3.13 -c "$@"
}
pyyaml() { python 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1])))' "$1"; }
ruby=$tmp/root/usr/lib/ruby/3.3.0:$lib/ruby/3.3.0

# What ruamel.yaml reads, it writes to the file "again".
seen=$(echo "PyYAML $(pyyaml "$tmp/devices")"
	RUBYLIB=$ruby run usr/bin/ruby3.3 --disable=gems -r yaml -e 'print "psych  "; p YAML.load_file(ARGV[0])' "$tmp/devices"
	python 'import sys; from ruamel.yaml import YAML
yaml = YAML(typ="safe", pure=True)
devices = yaml.load(open(sys.argv[1]))
print("ruamel", devices)
yaml.dump(devices, open(sys.argv[2], "w"))' "$tmp/devices" "$tmp/again"
	echo "ruamel to PyYAML $(pyyaml "$tmp/again")")
same "addresses" "$seen" "PyYAML [60.0, '0000:3b:00.0', 2460.1, '0000:65:00.0', 36000060.0, 60.0, 'pci:0000:01:00.0']
psych  [60.0, \"0000:3b:00.0\", 2460.1, \"0000:65:00.0\", 36000060.0, 3600.0, \"pci:0000:01:00.0\"]
ruamel ['0000:01:00.0', '0000:3b:00.0', '0000:41:00.1', '0000:65:00.0', '10000:01:00.0', '01:00.0', 'pci:0000:01:00.0']
ruamel to PyYAML [60.0, '0000:3b:00.0', 2460.1, '0000:65:00.0', 36000060.0, 60.0, 'pci:0000:01:00.0']"
echo "$seen"
