# SPDX-License-Identifier: GPL-2.0-only
#
# Reads tools/testing/tests/AREA/...: reports what an area includes, or sources, of
# another area. What two areas share is in tools/testing/lib.
FNR == 1 {
	split(FILENAME, folder, "/")
	own = folder[4]
	# Above the file's own folder, "../" first leaves folders of the area.
	depth = split(FILENAME, folder, "/") - 4
}

function report(what) {
	printf "%s:%d: %s is of another area: what areas share belongs in tools/testing/lib\n",
		FILENAME, FNR, what
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	included = $0
	sub(/^[^"]*"/, "", included)
	sub(/".*/, "", included)
	path = included
	for (up = 0; sub(/^\.\.\//, "", path); up++)
		;
	split(path, part, "/")
	if (up ? up == depth && part[1] != own : path ~ /\// && part[1] != own && ("," AREAS ",") ~ ("," part[1] ","))
		report(included)
}

/^[ \t]*\.[ \t]+"?tools\/testing\/tests\// {
	sourced = $2
	gsub(/"/, "", sourced)
	split(sourced, part, "/")
	if (part[4] != own)
		report(sourced)
}
