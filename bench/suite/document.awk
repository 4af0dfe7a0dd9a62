# SPDX-License-Identifier: GPL-2.0-only
#
# From the lines of rows.jq to the tables of docs/performance.md (see tools/testing/figures).
#
#   kind    compare: a row for each workload of @phase, the peers beside each other;
#           threads: one thread beside two; memory: what maps hold; nvme: of nvme.tsv
#   peers   backends, the first is what the others are compared with
#   groups  a regular expression on the labels of runs
#   aims    a file of aims.tsv's form; an aim that is not reached is bold

BEGIN {
	FS = "\t"
	count = split(peers, peer, " ")
	while (aims && (getline line <aims) > 0) {
		if (line ~ /^#/)
			continue
		split(line, f, FS)
		want[f[1] FS f[2] FS f[3], "map"] = f[4]
		want[f[1] FS f[2] FS f[3], "unmap"] = f[5]
	}
}

# Workloads that differ only in what their group is about say so.
function name(group, workload) {
	if (group ~ /not touched/)
		return workload ", not touched"
	if (group ~ /random/)
		return workload ", random order"
	if (group ~ /256K maps/)
		return workload ", 256K of them"
	if (group ~ /map of 1G/)
		return workload ", one of 1G"
	if (group ~ /watches|events|policy/)
		return workload ", " group
	return workload
}

kind == "nvme" {
	if (NR == 1) {
		print "| backend | mapped | reads/s | read p50, ns | p99 | map p50 | unmap p50 |"
		print "|---|---|---|---|---|---|---|"
	}
	printf("| %s | %s | %d | %d | %d |%s|%s|\n", $1, $2 == "once" ? "once" : "for each read", $3, $4, $5,
	       $6 > 0 ? " " $6 " " : " ", $7 > 0 ? " " $7 " " : " ")
	next
}

$1 == phase && $2 ~ groups && !(kind == "compare" && $5 > 1) && index(" " peers " ", " " $8 " ") {
	key = $1 FS name($2, $3) FS $4
	if (!(key in unit)) {
		unit[key] = $6
		order[++keys] = key
	}
	# The same may have been run several times: the median counts.
	all[key, $8, $5, "map"] = all[key, $8, $5, "map"] " " $9
	all[key, $8, $5, "unmap"] = all[key, $8, $5, "unmap"] " " $10
	if ($2 ~ /256K|map of 1G/) {
		holds[key, $8, "map"] = $17
		holds[key, $8, "GiB"] = $18
	}
}

function median(list, v, n, i, j, t) {
	n = split(list, v, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) {
			t = v[j]
			v[j] = v[j - 1]
			v[j - 1] = t
		}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function show(v) {
	return sprintf(v >= 1000 ? "%.0f" : v >= 1 || v == 0 ? "%.1f" : "%.2f", v)
}

# The peers' figures for @what, and the aim if there are any: it is the second one's.
function cells(key, what, i, out, v, first, ratio, aim, reached) {
	first = figure[key, peer[1], 1, what]
	for (i = 1; i <= count; i++) {
		v = figure[key, peer[i], 1, what]
		if (v == "") {
			out = out " - |"
			continue
		}
		ratio = v > 0 && first != "" ? first / v : 0
		if (i == 2)
			reached = ratio
		out = out " " show(v) (i > 1 && ratio ? " (" times(ratio) ")" : "") " |"
	}
	if (!aims)
		return out
	aim = want[key, what]
	if (aim == "" || aim == "-")
		return out " |"
	return out " " (reached < aim + 0 ? "**" aim "**" : aim) " |"
}

function compare(k, i, head, rule, what) {
	for (what = 1; what <= 2; what++) {
		for (i = 1; i <= count; i++) {
			head = head " " (i == 1 ? (what == 1 ? "map: " : "unmap: ") : "") peer[i] " |"
			rule = rule "---|"
		}
		if (aims) {
			head = head " aim |"
			rule = rule "---|"
		}
	}
	print "| workload | memory | per |" head
	print "|---|---|---|" rule
	for (k = 1; k <= keys; k++) {
		split(order[k], f, FS)
		printf "| %s | %s | %s |%s%s\n", f[2], f[3], unit[order[k]],
		       cells(order[k], "map"), cells(order[k], "unmap")
	}
}

function pair(key, who, what, one, two) {
	one = figure[key, who, 1, what]
	two = figure[key, who, 2, what]
	return sprintf(" %s | %s | %s |", show(one), show(two), times(one / two))
}

function threads(k, i) {
	print "| workload | memory | per | backend | map, ns: one thread | two | gain | unmap, ns: one thread | two | gain |"
	print "|---|---|---|---|---|---|---|---|---|---|"
	for (k = 1; k <= keys; k++)
		for (i = 1; i <= count; i++)
			if ((order[k], peer[i], 2, "map") in figure) {
				split(order[k], f, FS)
				printf "| %s | %s | %s | %s |%s%s\n", f[2], f[3], unit[order[k]], peer[i],
				       pair(order[k], peer[i], "map"), pair(order[k], peer[i], "unmap")
			}
}

function memory(k, i) {
	print "| workload | memory | backend | bytes for each map | bytes for each GiB |"
	print "|---|---|---|---|---|"
	for (k = 1; k <= keys; k++)
		for (i = 1; i <= count; i++)
			if ((order[k], peer[i], "map") in holds) {
				split(order[k], f, FS)
				printf "| %s | %s | %s | %d | %d |\n", f[2], f[3], peer[i],
				       holds[order[k], peer[i], "map"], holds[order[k], peer[i], "GiB"]
			}
}

END {
	if (!keys)
		exit
	for (k in all)
		figure[k] = median(all[k])
	if (kind == "compare")
		compare()
	else if (kind == "threads")
		threads()
	else
		memory()
}
