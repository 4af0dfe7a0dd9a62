#!/usr/bin/awk -f
# SPDX-License-Identifier: GPL-2.0-only
#
# bpftrace.awk FORMAT...: a bpftrace script that prints every field of every event
# from its format file in tracefs, as "EVENT: field=value ...". Enums are printed with
# %s, as bpftrace knows their names; arrays of characters as texts.
/^name: / { event = $2; n = 0 }
/^\tfield:/ && !/common_/ {
	line = $0
	sub(/^\tfield:/, "", line)
	declaration = substr(line, 1, index(line, ";") - 1)
	name = declaration
	sub(/\[[0-9]*\]$/, "", name)
	sub(/.*[ *]/, "", name)
	if (declaration ~ /^enum / || declaration ~ /\[/)
		how = "%s"
	else
		how = line ~ /signed:1/ ? "%lld" : "%llu"
	format[n] = name "=" how
	values[n++] = "args." name
}
/^print fmt: / {
	text = event ":"
	list = ""
	for (i = 0; i < n; i++) {
		text = text " " format[i]
		list = list ",\n\t\t" values[i]
	}
	printf "tracepoint:ioasid:%s\n{\n\tprintf(\"%s\\n\"%s);\n}\n", event, text, list
}
