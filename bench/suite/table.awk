# SPDX-License-Identifier: GPL-2.0-only
#
# From the lines of rows.jq to tables: a row for each workload, a column for
# each backend, and how many times more the first backend needs. md=1 makes
# them Markdown.

BEGIN { FS = "\t" }

# The figure of the first backend over this one's, for people.
function faster(first, other) {
	if (first == "" || other + 0 <= 0)
		return "-"
	return times(first / other)
}

function cell(key, b, figures, first) {
	if (!((key, b) in figures))
		return "-"
	if (b == first)
		return sprintf("%.1f", figures[key, b])
	return sprintf("%.1f (%s)", figures[key, b], faster(figures[key, first], figures[key, b]))
}

{
	key = $1 FS $2 FS $3 FS $4 FS $5
	if (!(key in unit)) {
		unit[key] = $6
		run[key] = $7
		order[++keys] = key
	}
	if (!(($1 FS $2, $8) in known)) {
		known[$1 FS $2, $8]
		names[$1 FS $2] = names[$1 FS $2] (names[$1 FS $2] == "" ? "" : " ") $8
	}
	map[key, $8] = $9
	unmap[key, $8] = $10
	tail[key, $8] = $11 " / " $12 " / " $13
	untail[key, $8] = $14 " / " $15 " / " $16
	small[key, $8] = $17
	gib[key, $8] = $18
}

function line(n, i, out, form) {
	out = ""
	for (i = 1; i <= n; i++) {
		form = i <= 2 ? "%-17s " : i == 3 ? "%8s " : "%17s "
		if (md)
			form = i == 1 ? "| %s" : " | %s"
		out = out sprintf(form, row[i])
	}
	sub(/ +$/, "", out)
	print out (md ? " |" : "")
}

function heading(part, title, n, i) {
	split(part, p, FS)
	printf "\n%s%s, %s%s\n%s", md ? "### " : "", p[1], title, md ? "" : ":", md ? "\n" : ""
	line(n)
	if (!md)
		return
	for (i = 1; i <= n; i++)
		row[i] = "---"
	line(n)
}

END {
	for (k = 1; k <= keys; k++) {
		key = order[k]
		split(key, f, FS)
		part = f[1] FS f[2]
		count = split(names[part], b, " ")
		if (part != last) {
			last = part
			row[1] = "workload"
			row[2] = "memory"
			row[3] = "pg/run"
			for (i = 1; i <= count; i++) {
				row[3 + i] = "map " b[i]
				row[3 + count + i] = "unmap " b[i]
			}
			heading(part, f[2], 3 + 2 * count)
		}
		row[1] = f[3] (f[5] > 1 ? " x" f[5] : "") "/" unit[key]
		row[2] = f[4]
		row[3] = run[key]
		for (i = 1; i <= count; i++) {
			row[3 + i] = cell(key, b[i], map, b[1])
			row[3 + count + i] = cell(key, b[i], unmap, b[1])
		}
		line(3 + 2 * count)
	}
	last = ""
	for (k = 1; k <= keys; k++) {
		key = order[k]
		split(key, f, FS)
		part = f[1] FS f[2]
		if (unit[key] != "call" || f[2] ~ /storm/)
			continue
		count = split(names[part], b, " ")
		for (i = 1; i <= count; i++) {
			if (!((key, b[i]) in tail))
				continue
			if (part != last) {
				last = part
				row[1] = "workload"; row[2] = "memory"; row[3] = ""
				row[4] = "backend"; row[5] = "map"; row[6] = "unmap"
				heading(part, f[2] ": p50 / p99 / p99.9 of single calls", 6)
			}
			row[1] = f[3] (f[5] > 1 ? " x" f[5] : ""); row[2] = f[4]; row[3] = ""
			row[4] = b[i]; row[5] = tail[key, b[i]]; row[6] = untail[key, b[i]]
			line(6)
		}
	}
	last = ""
	for (k = 1; k <= keys; k++) {
		key = order[k]
		split(key, f, FS)
		if (f[2] !~ /256K|map of 1G/)
			continue
		count = split(names[f[1] FS f[2]], b, " ")
		for (i = 1; i <= count; i++) {
			if (!((key, b[i]) in small) || b[i] == "pin")
				continue
			if (last == "") {
				last = 1
				row[1] = "workload"; row[2] = "memory"; row[3] = ""
				row[4] = "backend"; row[5] = "bytes/map"; row[6] = "bytes/GiB"
				heading(f[1] FS f[2], "kernel memory that maps hold", 6)
			}
			row[1] = f[3]; row[2] = f[4]; row[3] = ""; row[4] = b[i]
			row[5] = small[key, b[i]]; row[6] = gib[key, b[i]]
			line(6)
		}
	}
}
