# SPDX-License-Identifier: GPL-2.0-only
# Reads english.words and english.todo, then files: reports words of the list in the
# prose of each. Prose is all of a page but its code; of a source the comments, and
# texts in quotes of three words or more.
#
# english.todo, "NUMBER FILE" a line, has the files that were written before this rule,
# and how many such words each may still hold. It only gets shorter: with -v exact=1 a
# number that is too high is an offence as well, and with -v list=1 the list is printed
# anew, without files that are not in it.
FILENAME == KNOWN {
	if (!/^#/)
		most[$2] = $1
	next
}

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
			offences[FILENAME] = offences[FILENAME] sprintf("%s:%d: '%s': %s\n", FILENAME, FNR, found, advice[i])
			count[FILENAME]++
		}
}

END {
	if (list) {
		for (file in most)
			if (count[file])
				print (count[file] < most[file] ? count[file] : most[file]), file
		exit
	}
	for (file in count)
		if (!(file in most)) {
			printf "%s", offences[file]
		} else if (count[file] > most[file]) {
			printf "%s", offences[file]
			printf "%s:1: %d of these words, %d were here before\n", file, count[file], most[file]
		}
	for (file in most)
		if (exact && count[file] < most[file])
			printf "%s:1: has %d of %d words left: run 'tools/testing/lint/english --list'\n", \
				file, count[file], most[file]
}
