#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
What the servers in the VM make of the metrics of ioasid. One line a finding, the last of
which sums up; exit status 1 if there is any.

verify.py wait N                  until each target was scraped N times
verify.py exporter PORT FILE      node_exporter: each metric of FILE with its type, help and samples
verify.py targets FILE            Prometheus: each target is up, each metric has type and help
verify.py dashboard JSON HOST...  each expression of the dashboard has data of each host
verify.py alerts                  each alert that the server has loaded has data
"""
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

SERVER = "http://127.0.0.1:9090/api/v1/"
# Until what was asked for is there; the machine is slow.
PATIENCE = 180


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def ask(path, **parameters):
    return json.loads(get(SERVER + path + "?" + urllib.parse.urlencode(parameters)))["data"]


def query(expression):
    return ask("query", query=expression)["result"]


def patiently(find):
    """find() returns what is wrong; it gets better, or time is up."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            wrong = find()
        except (urllib.error.URLError, OSError) as error:
            wrong = ["no answer: %s" % error]
        if not wrong or time.monotonic() > end:
            return wrong
        time.sleep(2)


def families(text):
    """The metrics of ioasid in the text format: name to [type, help, samples]."""
    found = {}
    for line in text.splitlines():
        words = line.split(" ", 3)
        if line.startswith(("# TYPE ioasid", "# HELP ioasid")):
            found.setdefault(words[2], ["untyped", "", 0])[words[1] == "HELP"] = words[3]
        elif line.startswith("ioasid"):
            name = re.match(r"[a-z0-9_]*", line).group()
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            if found.get(base, [""])[0] == "histogram":
                name = base
            found.setdefault(name, ["untyped", "", 0])[2] += 1
    return found


def wait(count):
    def missing():
        result = query("min(count_over_time(up[10m]))")
        return [] if result and float(result[0]["value"][1]) >= int(count) else ["too few scrapes"]
    return patiently(missing), "scraped"


def exporter(port, file):
    with open(file, encoding="utf-8") as text:
        written = families(text.read())

    def wrong():
        try:
            answer = get("http://127.0.0.1:%s/metrics" % port)
        except urllib.error.HTTPError as error:
            return ["it answers %d" % error.code]
        lines = []
        if "\nnode_textfile_scrape_error 0\n" not in answer:
            lines.append("node_textfile_scrape_error is 1")
        read = families(answer)
        for name, (kind, text, samples) in sorted(written.items()):
            if not samples:
                continue
            seen = read.get(name)
            if not seen:
                lines.append("%s is missing" % name)
            elif seen[0] != kind:
                lines.append("%s is %s, not %s" % (name, seen[0], kind))
            elif seen[1] != text:
                lines.append("%s has the help '%s'" % (name, seen[1]))
            elif seen[2] != samples and not name.startswith(("ioasid_space", "ioasid_cgroup")):
                lines.append("%s has %d samples, not %d" % (name, seen[2], samples))
        return lines
    # Once: what is wrong with a file does not mend itself.
    return wrong(), "%d metrics" % len(written)


def targets(file):
    with open(file, encoding="utf-8") as text:
        written = {name: what for name, what in families(text.read()).items() if what[2]}

    def wrong():
        active = ask("targets", state="active")["activeTargets"]
        lines = ["the target %s is %s: %s" % (t["labels"]["instance"], t["health"], t["lastError"])
                 for t in active if t["health"] != "up"]
        for target in ("debian12", "debian13", "openmetrics"):
            known = {m["metric"]: m for m in ask(
                "targets/metadata", match_target='{instance="%s"}' % target)}
            for name, (kind, text, _) in sorted(written.items()):
                # OpenMetrics has them by the name of the family.
                if target == "openmetrics":
                    name = re.sub(r"_(total|info)$", "", name)
                    kind = "info" if name == "ioasid_build" else kind
                seen = known.get(name, {"type": "nothing", "help": text})
                if seen["type"] != kind or seen["help"] != text:
                    lines.append("%s of %s is %s" % (name, target, seen["type"]))
        return lines
    return patiently(wrong), "4 targets, %d metrics" % len(written)


def dashboard(file, *hosts):
    with open(file, encoding="utf-8") as text:
        panels = json.load(text)["panels"]
    expressions = [t["expr"] for p in panels for t in p.get("targets", [])]

    def wrong():
        lines = []
        for expression in expressions:
            concrete = expression.replace("$__rate_interval", "1m").replace(
                "$instance", "|".join(hosts))
            seen = {sample["metric"].get("instance") for sample in query(concrete)}
            missing = sorted(set(hosts) - seen)
            if missing:
                lines.append("%s: no data of %s" % (expression, ", ".join(missing)))
        return lines
    return patiently(wrong), "%d expressions in %d panels" % (len(expressions), len(panels))


def alerts():
    def loaded():
        return [rule for group in ask("rules")["groups"] for rule in group["rules"]]

    def wrong():
        rules = loaded()
        lines = [] if rules else ["no rule is loaded"]
        for rule in rules:
            if rule["health"] == "err":
                lines.append("%s: %s" % (rule["name"], rule["lastError"]))
            elif not query(rule["query"]):
                lines.append("%s: no data" % rule["name"])
            elif not rule["alerts"]:
                lines.append("%s: not even pending" % rule["name"])
        return lines
    return patiently(wrong), "%d alerts" % len(loaded())


if __name__ == "__main__":
    findings, summary = {"wait": wait, "exporter": exporter, "targets": targets,
                         "dashboard": dashboard, "alerts": alerts}[sys.argv[1]](*sys.argv[2:])
    for finding in findings:
        print(finding)
    print(summary if not findings else "%d of it is wrong: %s" % (len(findings), findings[0]))
    sys.exit(1 if findings else 0)
