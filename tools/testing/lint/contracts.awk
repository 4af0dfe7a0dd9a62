# SPDX-License-Identifier: GPL-2.0-only
# A function that other files call has a comment right above its definition, or one above
# its declaration in a header, "NAME() - what it does". Reads all files twice, pass=1 and pass=2.
FNR == 1 {
	comment = head = ""
}

# "/** name() - ...", or the line behind "/**".
pass == 1 && FILENAME ~ /\.h$/ && /^(\/\*\*?| \*) [a-z_0-9]+\(\) - / {
	name = $2
	sub(/\(.*/, "", name)
	documented[name] = 1
}

pass == 1 || FILENAME !~ /\.c$/ { next }

/\*\/$/ {
	comment = FNR
	next
}

# A head at the left margin, of one line or more; neither static nor a declaration.
/^[a-z_].*\(/ && !/^(static|struct [a-z_]+ [{=]|extern|typedef|__bpf_kfunc_|module_|late_)/ && !/[;=]/ {
	name = $0
	sub(/\(.*/, "", name)
	sub(/.*[ *]/, "", name)
	head = name
	at = FNR
	above = comment == FNR - 1
}

/;$/ && head != "" && FNR == at { head = "" }

/^\{/ && head != "" {
	if (!above && !(head in documented))
		printf "%s:%d: %s() has no comment: say what it does, what it returns and what is held\n", \
			FILENAME, at, head
	head = ""
}
