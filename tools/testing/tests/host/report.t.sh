#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The scripts of tools/perf print names that users choose such that a terminal and a line stay
# whole. perf is left out: it takes longer than a test may. Events come from here.
. tools/testing/harness/ktap.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# The one module of perf's that they import.
stub() {
	mkdir -p "$WORK/scripts/python/Perf-Trace-Util/lib/Perf/Trace"
	echo 'def symbol_str(event, field, number): return ""' >"$WORK/scripts/python/Perf-Trace-Util/lib/Perf/Trace/Core.py"
}

cat >"$WORK/feed.py" <<'EOF2'
import runpy
import sys

script = runpy.run_path(sys.argv[1])
# What perf makes of bytes that are not UTF-8, it may tell.
name = b'e\n\x1b[2J"\\377\xff\xc2\x9b\xe2\x80\xae'.decode("utf-8", "surrogateescape")
fields = {"common_comm": name, "common_pid": 1, "err": 0, "length": 4096, "bytes": 4096, "pages": 1,
          "runs": 1, "ns_total": 1, "iova": 0, "op": 1, "reason": 6}
for event in ("ioasid_map_done", "ioasid_unmap_done", "ioasid_error"):
    for err in (0, -17):
        script["trace_unhandled"]("ioasid__" + event, None, dict(fields, err=err))
script["trace_end"]()
EOF2

names_are_shown() {
	stub
	for file in tools/perf/*.py; do
		PERF_EXEC_PATH=$WORK PYTHONIOENCODING=utf-8:surrogateescape python3 "$WORK/feed.py" "$file" >"$WORK/out"
		grep -q -F 'e\012\033[2J"\134' "$WORK/out" || fail "$file does not show the name: $(cat -v "$WORK/out")"
		! LC_ALL=C grep -q '[^ -~]' "$WORK/out" || fail "$file prints $(LC_ALL=C grep -m 1 '[^ -~]' "$WORK/out" | cat -v)"
		! grep -q '^\\033' "$WORK/out" || fail "$file: a line that the name began"
	done
}

# The whole name, by itself.
names_can_be_told() {
	stub
	for file in tools/perf/*.py; do
		PERF_EXEC_PATH=$WORK python3 -c 'import runpy, sys
shown = runpy.run_path(sys.argv[1])["shown"]
names = [b"a\\x2d", b"caf\xc3\xa9", b"\xff\xc2", b"\\134", b"\\\xff", b"\xe2\x80\xae"]
print(*(shown(name.decode("utf-8", "surrogateescape")) for name in names))' "$file" >"$WORK/out"
		expect_same "names" "$(cat "$WORK/out")" 'a\x2d café \377\302 \134134 \\377 \342\200\256'
	done
}

ktap_run names_are_shown names_can_be_told
