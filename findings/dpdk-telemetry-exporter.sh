#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# dpdk-telemetry-exporter.py of DPDK 24.11 sends samples that Prometheus cannot keep apart.
#
# rx_packets of each port is there twice in every answer: a textfile collector refuses
# such a file. Two lcores on one processor, as --lcores '(0,1)@2' makes them, have the same labels
# and other values: one of the two is lost. Quotes in the name of a port are escaped in the
# wrong order, and the value of the label ends at the quote. The sum of hugepages counts a page again
# when a small memzone lies in the last page of a large one: 10 MiB here, where 8 MiB are in use.
# Until that is mended, read the telemetry socket itself, whose answers have lcore_id.
. "$(dirname "$0")/debian.sh"

debian dpdk=24.11.8-0+deb13u1 python3.13-minimal libpython3.13-minimal libpython3.13-stdlib \
	libc6 libexpat1 zlib1g libffi8 libssl3t64 libzstd1

# What a process of DPDK answers, and a client of the exporter.
cat >"$tmp/process.py" <<'END'
import json, os, socket, subprocess, sys, threading, time, urllib.request
path, program = sys.argv[1], sys.argv[2:]
stats = dict.fromkeys(("ibytes", "imissed", "rx_nombuf", "ierrors", "obytes", "oerrors"), 0)
answers = {
    "/ethdev/list": [0],
    "/ethdev/info,0": {"name": 'net_tap0"'},
    "/ethdev/stats,0": {"ipackets": 7, "opackets": 5, **stats},
    "/eal/lcore/list": [0, 1],
    "/eal/lcore/info,0": {"lcore_id": 0, "socket": 0, "cpuset": [2], "busy_cycles": 10, "total_cycles": 1000},
    "/eal/lcore/info,1": {"lcore_id": 1, "socket": 0, "cpuset": [2], "busy_cycles": 90, "total_cycles": 2000},
    "/eal/memzone_list": [0, 1],
    "/eal/memzone_info,0": {"Length": 7 << 20, "Hugepage_base": "0x100000000", "Hugepage_size": 2 << 20, "Hugepage_used": 4},
    "/eal/memzone_info,1": {"Length": 65536, "Hugepage_base": "0x100600000", "Hugepage_size": 2 << 20, "Hugepage_used": 1},
}
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(path)
listener.listen()

def serve():
    while True:
        client = listener.accept()[0]
        client.send(json.dumps({"version": "DPDK 24.11.8", "pid": os.getpid(), "max_output_len": 16384}).encode())
        while question := client.recv(1024).decode():
            client.send(json.dumps({question.split(",")[0]: answers[question]}).encode())

threading.Thread(target=serve, daemon=True).start()
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
exporter = subprocess.Popen([*program, "-s", path, "-o", f"openmetrics://127.0.0.1:{port}"], stdout=subprocess.DEVNULL)
try:
    for attempt in range(100):
        try:
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/").read().decode()
            break
        except OSError:
            time.sleep(0.1)
    for line in text.splitlines():
        if line.startswith(("dpdk_counters_rx_packets", "dpdk_cpu", "dpdk_memory_total")):
            print(line)
finally:
    exporter.kill()
END
export PYTHONHOME="$tmp/root/usr" PYTHONDONTWRITEBYTECODE=1 no_proxy=127.0.0.1
python="$lib/ld-linux-x86-64.so.2 --library-path $libraries $tmp/root/usr/bin/python3.13"
# shellcheck disable=SC2086
seen=$($python "$tmp/process.py" "$tmp/telemetry" $python "$tmp/root/usr/bin/dpdk-telemetry-exporter.py" \
	-p "$tmp/root/usr/share/dpdk/telemetry-endpoints")
same "samples" "$seen" 'dpdk_counters_rx_packets{port="net_tap0\\""} 7
dpdk_counters_rx_packets{port="net_tap0\\""} 7
dpdk_cpu_total_cycles{cpu="2", numa="0"} 1000
dpdk_cpu_busy_cycles{cpu="2", numa="0"} 10
dpdk_cpu_total_cycles{cpu="2", numa="0"} 2000
dpdk_cpu_busy_cycles{cpu="2", numa="0"} 90
dpdk_memory_total_bytes 10485760'
printf '%s\n' "$seen"
