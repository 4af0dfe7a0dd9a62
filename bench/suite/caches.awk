# SPDX-License-Identifier: GPL-2.0-only
#
# caches.awk TSV COUNTS: a table of what profile/caches.c has counted. TSV has the results
# of the phase caches in the order of its runs, "workload memory backend maps run";
# of each run COUNTS has a record for each result of the warm-up, and one for each of the repetition.
# md=1 makes Markdown.

function cell(figure, digits) {
	return figure < 0 ? "-" : sprintf("%.*f", digits, figure)
}

function both(map, unmap) {
	return sprintf(md ? " %s / %s |" : " %8s /%8s", map, unmap)
}

function show(what, n, i, out) {
	out = sprintf(md ? "| %s | %s | %s |" : "%-18s %-8s %-8s", workload[n], memory[n], backend[n])
	for (i = 2; i <= 9; i++)
		# All of a storm is between two marks: how many lines one call needs is not known.
		if ((i == 5 || i == 6) && workload[n] ~ /^storm/)
			out = out both("-", "-")
		else
			out = out both(cell(count[what, 1, i] / maps[n], 1), cell(count[what, 2, i] / maps[n], 1))
	# Of all calls, not one of them.
	print out both(cell(count[what, 1, 10], 0), cell(count[what, 2, 10], 0))
}

BEGIN {
	FS = "\t"
}

FNR == NR {
	n = NR
	workload[n] = $1
	memory[n] = $2
	backend[n] = $3
	maps[n] = $4
	run[n] = $5
	size[$5]++
	next
}

FNR == 1 {
	FS = " "
	$0 = $0
}

$1 == "begin" {
	record++
	next
}

{
	for (i = 2; i <= NF; i++)
		count[record, $1, i] = $i
}

END {
	if (record != 2 * n) {
		printf "caches.awk: %d records for %d results\n", record, n >"/dev/stderr"
		exit 1
	}
	if (md) {
		print "| workload | memory | backend | instructions | locked | fences | code lines | data lines | L1I misses | L1D misses | L2 misses | longest stretch |"
		print "|---|---|---|---|---|---|---|---|---|---|---|---|"
	} else {
		printf "%-18s %-8s %-8s", "workload", "memory", "backend"
		split("instructions locked fences code-lines data-lines L1I-misses L1D-misses L2-misses longest-stretch", title, " ")
		for (i = 1; i <= 9; i++)
			printf " %18s", title[i]
		print ""
	}
	# A run's records of the warm-up come before those that count.
	for (i = 1; i <= n; i++) {
		if (run[i] != run[i - 1])
			before += size[run[i]]
		show(before + i, i)
	}
}
