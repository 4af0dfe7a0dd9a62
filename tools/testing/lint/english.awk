# SPDX-License-Identifier: GPL-2.0-only
# Reads english.words, then files: reports words of the list in the prose of each.
# Prose is all of a page but its code; of a source the comments, and texts in quotes of
# three words or more.
FILENAME == WORDS {
	if (/^#/ || !NF)
		next
	split($0, rule, "\t")
	word[++words] = rule[1]
	advice[words] = rule[2]
	next
}

FNR == 1 {
	code = 0
	comment = 0
	page = FILENAME ~ /\.(md|rst)$/
	c = FILENAME ~ /\.[ch]$/
}

# strings(LINE): what is in double quotes; at least three words, or it is no sentence.
function strings(line,	part, n, i, all) {
	n = split(line, part, "\"")
	for (i = 2; i <= n; i += 2)
		if (part[i] ~ /[a-z]+ [^ ]+ [^ ]+/)
			all = all " " part[i]
	return all
}

# comments(LINE): the comment of a line of C, and what it says to the next line.
function comments(line,	all, at) {
	while (line != "") {
		if (comment) {
			at = index(line, "*/")
			all = all " " (at ? substr(line, 1, at - 1) : line)
			if (!at)
				break
			comment = 0
			line = substr(line, at + 2)
		} else {
			at = index(line, "/*")
			if (!at)
				break
			comment = 1
			line = substr(line, at + 2)
		}
	}
	return all
}

function prose(line) {
	if (page) {
		if (line ~ /^(```|~~~)/) {
			code = !code
			return ""
		}
		if (code || line ~ /^    [^ ]/ && FILENAME ~ /\.md$/)
			return ""
		gsub(/`[^`]*`/, "x", line)
		gsub(/\]\([^)]*\)/, "]", line)
		gsub(/<!--.*-->/, "", line)
		return line
	}
	if (c)
		return strings(line) " " comments(line)
	return strings(line) " " (match(line, /(^|[ \t])#([^!]|$).*/) ? substr(line, RSTART + 1) : "")
}

{
	text = prose($0)
	gsub(/^[ \t*#>|-]+/, "", text)
	gsub(/Who /, "@who ", text)
	text = tolower(" " text " ")
	for (i = 1; i <= words; i++)
		if (match(text, word[i])) {
			found = substr(text, RSTART, RLENGTH)
			gsub(/^[^a-z]+|[^a-z]+$/, "", found)
			printf "%s:%d: '%s': %s\n", FILENAME, FNR, found, advice[i]
		}
}
