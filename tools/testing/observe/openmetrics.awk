# SPDX-License-Identifier: GPL-2.0-only
# What is wrong with a file in OpenMetrics text; prints nothing if it is fine.
function bad(what) { printf "line %d: %s: %s\n", FNR, what, $0 }

# The family that a sample belongs to, by its type.
function suffix_ok(name, type) {
	if (type == "counter") return name == family "_total"
	if (type == "histogram") return name == family "_bucket" || name == family "_count" || name == family "_sum"
	if (type == "info") return name == family "_info"
	return name == family
}

ended { bad("text after # EOF") }
/^# EOF$/ { ended = 1; next }
/^# TYPE / {
	if ($3 in seen) bad("a family comes twice")
	family = $3; type = $4; seen[family] = 1; helped = 0
	next
}
/^# UNIT / {
	if ($3 != family || family !~ ("_" $4 "$")) bad("the unit is not the end of the name")
	next
}
/^# HELP / { if ($3 != family) bad("help of another family"); helped = 1; next }
/^#/ { bad("an unknown comment"); next }
{
	if (!match($0, /^[a-z_0-9]+(\{([a-z_]+="([^"\\]|\\.)*",?)*\})? [0-9.e+-]+$/)) { bad("no sample"); next }
	name = $0; sub(/[{ ].*/, "", name)
	if (!suffix_ok(name, type)) bad("not a sample of " family ", a " type)
	if (!helped) bad("no help before it")
	key = $0; sub(/ [^ ]*$/, "", key)
	if (key in samples) bad("the same sample twice")
	samples[key] = 1
	# Buckets of one histogram only grow, and end with the count.
	if (name ~ /_bucket$/) {
		of = key; sub(/,le=.*/, "", of)
		if (of == last_of && $NF + 0 < last) bad("a bucket smaller than the one before")
		last_of = of; last = $NF + 0
	} else if (name ~ /_count$/ && $NF + 0 != last) {
		bad("the count is not that of the last bucket")
	}
}
END { if (!ended) print "there is no # EOF" }
