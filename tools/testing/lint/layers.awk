# SPDX-License-Identifier: GPL-2.0-only
# Reads the table first, then every source file: reports forbidden includes.
FILENAME == TABLE {
	if (!/^#/ && NF > 1)
		rule[++rules] = $0
	next
}

FNR == 1 {
	fields = 0
	for (i = 1; i <= rules; i++) {
		split(rule[i], word)
		if (FILENAME ~ ("^" word[1])) {
			fields = split(rule[i], word)
			break
		}
	}
}

/^[ \t]*#[ \t]*include[ \t]/ && fields {
	included = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*/, "", included)
	verdict = "-"
	for (i = 2; i <= fields; i++)
		if (included ~ substr(word[i], 2)) {
			verdict = substr(word[i], 1, 1)
			break
		}
	if (verdict == "-")
		printf "%s:%d: %s is not for %s (tools/testing/lint/layers)\n", \
			FILENAME, FNR, included, word[1]
}
