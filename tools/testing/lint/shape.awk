# SPDX-License-Identifier: GPL-2.0-only
# How long files and functions are. A function ends at the brace in column 0
# that closes the one in column 0 (C), or the line "name() {" (shell).
FNR == 1 {
	if (last_lines > 800)
		printf "%s:%d: the file has %d lines, 800 is the cap\n", last_name, last_lines, last_lines
	start = 0
	head = ""
	data = 0
}

{
	last_name = FILENAME
	last_lines = FNR
}

# A table or a struct is no function.
/^[a-z].*=[ \t]*$/ || /^[a-z].*= \{$/ || /^(static |const )*(struct|enum|union) [a-z_0-9]+ \{$/ {
	data = 1
}

/^[A-Za-z_].*\(/ && !/;$/ {
	head = $0
}

(/^\{/ || /^[a-z_0-9]+\(\) \{$/) && !data {
	start = FNR
}

/^\}/ {
	if (start && FNR - start + 1 > 80) {
		name = head
		sub(/\(.*/, "", name)
		sub(/.*[ *]/, "", name)
		printf "%s:%d: %s() has %d lines, 80 is the cap\n", FILENAME, start, name, FNR - start + 1
	}
	start = 0
	data = 0
}

END {
	if (last_lines > 800)
		printf "%s:%d: the file has %d lines, 800 is the cap\n", last_name, last_lines, last_lines
}
