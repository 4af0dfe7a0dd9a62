# SPDX-License-Identifier: GPL-2.0-only
# Reads the table "layers", then docs/architecture.md: reports where the section "Parts"
# of the page and the table differ in what a folder of kmod/ may include.
function pair(folder, header) { return folder " includes " header }

FILENAME == TABLE {
	if (match($1, "^kmod/[a-z]+/$") && $1 != "kmod/include/")
		for (i = 2; i <= NF; i++) {
			header = $i
			if (!sub(/^[+]"/, "", header) || header ~ /^\[/)
				continue
			gsub(/[\\"]/, "", header)
			sub(/^\.\.\//, "", header)
			may[pair(substr($1, 1, length($1) - 1), header)] = 1
		}
	next
}

/^## / || /^The files of/ { inside = /^## Parts/ }

inside && /^[|] .*kmod\/[a-z]+[`\]]/ {
	match($0, "kmod/[a-z]+")
	folder = substr($0, RSTART, RLENGTH)
	cells = split($0, cell, "|")
	n = split(cell[cells - 1], word, "`")
	for (i = 2; i <= n; i += 2)
		said[pair(folder, word[i])] = FNR
}

END {
	for (p in said)
		if (!(p in may))
			printf "%s:%d: says that %s, and %s does not\n", FILENAME, said[p], p, TABLE
	for (p in may)
		if (!(p in said))
			printf "%s:1: does not say that %s, and %s does\n", FILENAME, p, TABLE
}
