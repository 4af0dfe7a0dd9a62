# SPDX-License-Identifier: GPL-2.0-only
#
# From the blocks of plugin.c and a kallsyms, both sorted by address, to a table:
# instructions per unit of work spent in each function of the kernel, for maps
# and for unmaps, and then the same by what functions are for. Variables: maps,
# unmaps (how many units), rows (of the table), groups (says what is for what).

function name_of(address) {
	if (substr(address, 1, 4) != "ffff")
		return "(the program)"
	return symbol
}

BEGIN {
	while ((getline line <groups) > 0)
		if (line !~ /^#/ && split(line, g, "\t") == 2) {
			group[++kinds] = g[1]
			pattern[kinds] = g[2]
		}
}

# Lines "address A name [module]" and "address B mark instructions", in one order.
$2 == "A" { symbol = $3 ($4 != "" ? " " $4 : ""); next }
$3 == 1 { map[name_of($1)] += $4; seen[name_of($1)] }
$3 == 2 { unmap[name_of($1)] += $4; seen[name_of($1)] }

END {
	for (name in seen) {
		all_maps += map[name] / maps
		all_unmaps += unmap[name] / unmaps
	}
	printf "%10s %10s\n%10.1f %10.1f  all\n", "map", "unmap", all_maps, all_unmaps
	sort = "sort -k1,1nr | cut -f2- | head -n " rows
	for (name in seen)
		if (map[name] / maps + unmap[name] / unmaps >= 0.05)
			printf "%f\t%10.1f %10.1f  %s\n", map[name] / maps + unmap[name] / unmaps,
			       map[name] / maps, unmap[name] / unmaps, name | sort
	close(sort)
	for (name in seen)
		for (k = 1; k <= kinds; k++)
			if (name ~ pattern[k]) {
				group_map[k] += map[name] / maps
				group_unmap[k] += unmap[name] / unmaps
				break
			}
	print "\nby what they are for:"
	for (k = 1; k <= kinds; k++)
		printf "%10.0f %10.0f  %s\n", group_map[k], group_unmap[k], group[k]
}
