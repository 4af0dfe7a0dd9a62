# SPDX-License-Identifier: GPL-2.0-only
#
# compare.awk -v kernel=SERIES -v out=DIRECTORY [-v quiet=1] [-v part=N] FILE
#
# Compares DIRECTORY/type1 with DIRECTORY/ioasid, line by line of "case, key,
# value", with what FILE (docs/type1-differences.md) lists:
#
#	## D1. Title
#	| `case` | `key` | kernel | `type1's value` | `ioasid's value` |
#
# A * at the end of a case, key or value stands for anything; kernel is a
# series or "all". A D with errnos that differ counts against the five there
# may be. With part not 0 only some cases were run, and what is listed but not
# seen is no fault. With count=1 nothing is compared, and the number of those
# that change an errno is printed.
BEGIN { FS = "|"; RS = "\n" }

function bare(s) { gsub(/^[ `]+|[ `]+$/, "", s); return s }
function like(pattern, s) {
	if (pattern ~ /\*$/)
		return substr(s, 1, length(pattern) - 1) == substr(pattern, 1, length(pattern) - 1)
	return pattern == s
}
function word(s) { sub(/,.*/, "", s); return s }
function is_errno(s) { return s ~ /^E[A-Z0-9]+$/ }

/^## D[0-9]+\. / { id = $0; sub(/^## /, "", id); sub(/\. .*/, "", id); ids++ }
/^\| `/ {
	n++
	d_id[n] = id; d_case[n] = bare($2); d_key[n] = bare($3); d_kernel[n] = bare($4)
	d_type1[n] = bare($5); d_ioasid[n] = bare($6)
	a = word(d_type1[n]); b = word(d_ioasid[n])
	if (a != b && (is_errno(a) || is_errno(b)) && a !~ /^not run/)
		errnos[id] = 1
}

function load(file, value, order, line, part3, c) {
	c = 0
	while ((getline line < file) > 0) {
		split(line, part3, "\t")
		if (part3[1] == "#end") { value["#end"] = part3[2]; continue }
		value[part3[1] SUBSEP part3[2]] = part3[3]
		order[++c] = part3[1] SUBSEP part3[2]
		if (!((part3[1]) in seen)) { seen[part3[1]] = 1; cases[++ncases] = part3[1] }
	}
	close(file)
	return c
}

function listed(name, key, a, b, i) {
	for (i = 1; i <= n; i++)
		if (like(d_case[i], name) && like(d_key[i], key) && like(d_type1[i], a) &&
		    like(d_ioasid[i], b) && (d_kernel[i] == "all" || d_kernel[i] == kernel)) {
			used[i]++
			return d_id[i]
		}
	return ""
}

function complain(text) { print "not ok - " kernel ": " text; bad++ }

# One key of one case: both values, or why not.
function judge(name, key, k, a, b, d) {
	k = name SUBSEP key
	a = k in T ? T[k] : "-"
	b = k in I ? I[k] : "-"
	if (key ~ /^!/) {
		# A claim that is not so, or a case that broke. ioasid's are reported as
		# the difference, but for those that type1 shares or cannot have.
		if (k in T) { wrong = wrong "#   type1: " substr(key, 2) ": " a "\n"; return }
		if (key ~ /^!(setup|end|left)/) { wrong = wrong "#   ioasid: " substr(key, 2) ": " b "\n"; return }
		if ((name SUBSEP substr(key, 2)) in T && T[name SUBSEP substr(key, 2)] != I[name SUBSEP substr(key, 2)])
			return
		if ((name SUBSEP "result") in T) { wrong = wrong "#   ioasid: " substr(key, 2) ": " b "\n"; return }
		return
	}
	results++
	if (a == b) {
		text = text "#   " key ": " a "\n"
		return
	}
	d = listed(name, key, a, b)
	if (d != "") {
		text = text "#   " key ": type1 " a "; ioasid " b " (" d ")\n"
		known++
		return
	}
	wrong = wrong "#   " key ": type1 " a "; ioasid " b "\n"
}

END {
	for (id in errnos) changed++
	if (count) { print changed + 0; exit }
	nt = load(out "/type1", T, OT)
	ni = load(out "/ioasid", I, OI)
	if (!("#end" in T)) complain("the suite did not come to its end on type1")
	if (!("#end" in I)) complain("the suite did not come to its end on ioasid")
	print "KTAP version 1\n1.." ncases
	for (i = 1; i <= nt; i++) { split(OT[i], p, SUBSEP); keys[p[1]] = keys[p[1]] "\n" p[2]; have[OT[i]] = 1 }
	for (i = 1; i <= ni; i++)
		if (!(OI[i] in have)) { split(OI[i], p, SUBSEP); keys[p[1]] = keys[p[1]] "\n" p[2] }
	for (c = 1; c <= ncases; c++) {
		text = ""; wrong = ""
		m = split(substr(keys[cases[c]], 2), key, "\n")
		for (j = 1; j <= m; j++) judge(cases[c], key[j])
		if (!quiet || wrong != "") printf "%s", text wrong
		if (wrong != "") { bad++; print "not ok " c " " cases[c] }
		else if (!quiet) print "ok " c " " cases[c]
	}
	while ((getline line < (out "/state")) > 0) complain(line)
	for (i = 1; i <= n && !part; i++)
		if (!used[i] && (d_kernel[i] == "all" || d_kernel[i] == kernel))
			complain(d_id[i] " lists a difference that is not there: " d_case[i] ", " d_key[i])
	if (changed > 5) complain(changed " differences change an errno, more than five")
	print (bad ? "not ok" : "ok") " - " kernel ": " ncases " cases, " results " results on type1 and ioasid, " \
		known + 0 " differ as listed, " changed + 0 " of the listed differences change an errno, " bad + 0 " failed"
	exit bad != 0
}
