# SPDX-License-Identifier: GPL-2.0-only
#
# For table.awk and document.awk: how many times more, for people.

function times(ratio) {
	return sprintf(ratio >= 100 ? "%.0fx" : ratio >= 10 ? "%.1fx" : "%.2fx", ratio)
}
