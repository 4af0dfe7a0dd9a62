#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The parser of python3-prometheus-client 0.21.1 changes what it reads, and reads what Prometheus
# refuses. Format 0.0.4, which node_exporter's textfile collector reads, too:
#
# A counter "maps" comes back as "maps_total", so a test that looks for the suffix with this
# parser finds it where it is not; promtool says that it is missing.
# "1_000" is 1000, as in Python's own source; promtool expects a float there. So are lines that
# end in CR LF, a file whose last line has no end, and an escape that the format does not have.
# An exporter has to be tested with promtool, or with what scrapes it.
. "$(dirname "$0")/debian.sh"

debian python3-prometheus-client=0.21.1+ds1-1 python3-decorator promtool=2.53.3+ds1-2 \
	python3.13-minimal libpython3.13-minimal \
	libpython3.13-stdlib libc6 libexpat1 zlib1g libssl3t64 libffi8 libbz2-1.0 liblzma5

cat >"$tmp/read.py" <<'END'
import sys
from prometheus_client.parser import text_string_to_metric_families as parse
for family in parse(sys.stdin.buffer.read().decode()):
    print(*((s.name, s.labels, s.value) for s in family.samples))
END

# both FORMAT: what the client's parser reads, and what promtool says of it first.
both() {
	# shellcheck disable=SC2059
	printf "$1" | PYTHONHOME=$tmp/root/usr PYTHONPATH=$tmp/root/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 \
		run usr/bin/python3.13 -W ignore "$tmp/read.py" 2>&1 | tail -n 1
	# shellcheck disable=SC2059
	printf "$1" | run usr/bin/promtool check metrics 2>&1 | sed -n '1s/.*error in line 1: //p; 1s/.*counter metrics/counter metrics/p' || :
}

seen=$(both '# HELP maps of an address space\n# TYPE maps counter\nmaps 3\n'
	both 'bytes 1_000\n'
	both 'bytes 1\r\n'
	both 'bytes 1'
	both 'bytes{name="a\\tb"} 1\n')
same "what is read" "$seen" "('maps_total', {}, 3.0)
counter metrics should have \"_total\" suffix
('bytes', {}, 1000.0)
expected float as value, got \"1_000\"
('bytes', {}, 1.0)
expected float as value, got \"1\\r\"
('bytes', {}, 1.0)
unexpected end of input stream
('bytes', {'name': 'a\\\\tb'}, 1.0)
invalid escape sequence '\\t'"
echo "$seen"
