# SPDX-License-Identifier: GPL-2.0-only
# ioasid-report.py - what the programs did to ioasid, from a recording:
#
#   perf record -e 'ioasid:*' -a -- sleep 10
#   perf script -s ioasid-report.py
#
# Prints maps and unmaps per program with the time of each phase, why calls
# failed, and the longest maps. Events and fields that it does not know are
# counted and left alone, so it reads recordings of newer modules as well.

import os
import re
import sys
from collections import defaultdict

# perf fills the tables behind symbol_str() from the format that the recording holds.
sys.path.append(os.environ["PERF_EXEC_PATH"] + "/scripts/python/Perf-Trace-Util/lib/Perf/Trace")
from Core import *  # noqa: E402,F401,F403

PHASES = {
    "map": ("ns_total", "ns_wait", "ns_pin", "ns_account", "ns_iommu"),
    "unmap": ("ns_total", "ns_iommu", "ns_sync", "ns_unpin"),
}
LONGEST = 10

calls = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
failures = defaultdict(int)
events = defaultdict(int)
longest = []


def shown(name):
    """A program's name, which a user chose: as tools/lib/untrusted.h has it for people."""
    data = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    out = ""
    while data:
        for length in range(1, 5):
            try:
                char = data[:length].decode("utf-8")
                break
            except UnicodeDecodeError:
                char = ""
        length = length if char else 1
        if not char.isprintable() or char == "" or re.match(rb"\\[0-3][0-7]{2}", data):
            char = "".join("\\%03o" % byte for byte in data[:length])
        out += char
        data = data[length:]
    return out


def name_of(event, field, number):
    """Such as overlap for the reason 6; the number itself if it has no name."""
    return symbol_str(event, field, number) or str(number)


def add_call(operation, fields):
    sums = calls[operation][fields["common_comm"], fields.get("tgid", fields["common_pid"])]
    if fields["err"]:
        sums["failed"] += 1
        return
    sums["calls"] += 1
    sums["bytes"] += fields["length"] if operation == "map" else fields["bytes"]
    sums["pages"] += fields["pages"]
    sums["runs"] += fields.get("runs", 0)
    for phase in PHASES[operation]:
        sums[phase] += fields.get(phase, 0)
    if operation == "map":
        longest.append((fields["ns_total"], fields["common_comm"], fields["iova"],
                        fields["length"], fields["runs"]))
        if len(longest) > 1000:
            longest.sort(reverse=True)
            del longest[LONGEST:]


def trace_unhandled(event_name, context, fields, sample=None):
    """perf calls this for every event, with its fields by name."""
    name = event_name.split("__")[-1]
    events[name] += 1
    fields = dict(fields)
    if sample and "common_comm" not in fields:
        fields["common_comm"] = sample.get("comm", "?")
        fields["common_pid"] = sample["sample"]["pid"]
    if name == "ioasid_map_done":
        add_call("map", fields)
    elif name == "ioasid_unmap_done":
        add_call("unmap", fields)
    elif name == "ioasid_error":
        failures[name_of(event_name, "op", fields["op"]), fields["err"],
                 name_of(event_name, "reason", fields["reason"])] += 1


def print_calls(operation):
    phases = PHASES[operation]
    print("\n%-16s %8s %9s %7s %10s %9s" % (operation, "pid", "calls", "failed", "MiB", "pages/run"),
          *("%10s" % ("us " + phase[3:]) for phase in phases))
    table = sorted(calls[operation].items(), key=lambda row: -row[1]["ns_total"])
    for (comm, pid), sums in table:
        n = max(sums["calls"], 1)
        print("%-16s %8d %9d %7d %10.1f %9.1f" % (
            shown(comm), pid, sums["calls"], sums["failed"], sums["bytes"] / 1048576,
            sums["pages"] / max(sums["runs"], 1)),
            *("%10.1f" % (sums[phase] / n / 1000) for phase in phases))


def trace_end():
    for operation in PHASES:
        if calls[operation]:
            print_calls(operation)
    if failures:
        print("\n%-16s %6s %-12s %9s" % ("failed", "errno", "reason", "calls"))
        for (op, err, why), count in sorted(failures.items(), key=lambda row: -row[1]):
            print("%-16s %6d %-12s %9d" % (op, -err, why, count))
    if longest:
        print("\n%-16s %14s %12s %7s %10s" % ("longest maps", "iova", "length", "runs", "us"))
        for ns, comm, iova, length, runs in sorted(longest, reverse=True)[:LONGEST]:
            print("%-16s %#14x %#12x %7d %10.1f" % (shown(comm), iova, length, runs, ns / 1000))
    print("\nevents: " + ", ".join("%s %d" % row for row in sorted(events.items())))
