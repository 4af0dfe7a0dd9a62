# SPDX-License-Identifier: GPL-2.0-only
#
# From the blocks of plugin.c and a kallsyms, both sorted by address, to a table:
# instructions per unit of work spent in each function of the kernel, for maps
# and for unmaps. Variables: maps, unmaps (how many units), rows (of the table).

function name_of(address) {
	if (substr(address, 1, 4) != "ffff")
		return "(the program)"
	return symbol
}

# Lines "address A name" and "address B mark instructions", in one order.
$2 == "A" { symbol = $3; next }
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
}
