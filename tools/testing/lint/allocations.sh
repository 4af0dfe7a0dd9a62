#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# allocations.sh FOLDER PAGE: compares the allocations in the C files of FOLDER with the
# tables of PAGE, in both directions, and prints one line for each difference. A row of a
# table is "| file | function | call | size | how often | pays |"; pays begins with
# "caller" (the memory cgroup of the caller) or "kernel" (it is not charged). A call that is there twice has
# two rows.
set -eu
here=$(dirname "$0")
folder=$1 page=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find "$folder" -name '*.[ch]' | sort >"$work/files"
# shellcheck disable=SC2046
awk -f "$here/allocations.awk" $(cat "$work/files") pass=2 $(cat "$work/files") |
	sed "s,^$folder/,," | sort >"$work/source"
awk -F ' *[|] *' '$2 ~ /^[a-z_\/]+\.[ch]$/ { sub(/[^a-z].*/, "", $7); print $2, $3, $4, $7 }' "$page" |
	sort >"$work/page"
[ -s "$work/source" ] || echo "$page:1: no allocation was found in $folder"

# Two calls of one name in a function may have rows in any order: count them.
calls() { cut -d ' ' -f 1-3 "$1" | uniq -c | sed 's/^ *//' | sort; }
calls "$work/source" >"$work/source.calls"
calls "$work/page" >"$work/page.calls"
comm -23 "$work/source.calls" "$work/page.calls" |
	sed "s,^\([0-9]*\) \(.*\),$page:1: the source has \1 of '\2'\, and the page does not,"
comm -13 "$work/source.calls" "$work/page.calls" |
	sed "s,^\([0-9]*\) \(.*\),$page:1: the page has \1 of '\2'\, and the source does not,"

# pays FILE PATTERN: the calls that FILE says are paid so.
pays() { grep -E " ($2)\$" "$1" | cut -d ' ' -f 1-3; }
pays "$work/source" 'cgroup|passed' | sort -u >"$work/may"
pays "$work/source" cgroup | sort -u >"$work/do"
pays "$work/source" kernel | sort -u | comm -23 - "$work/may" >"$work/not"
pays "$work/page" caller | sort -u | comm -12 - "$work/not" |
	sed "s,.*,$page:1: '&': the page says that the caller pays\, and no flag does,"
pays "$work/page" kernel | sort -u | comm -12 - "$work/do" |
	sed "s,.*,$page:1: '&': the page says that the caller does not pay\, and it does,"
grep -vE ' (caller|kernel)$' "$work/page" |
	sed "s,.*,$page:1: '&': the payer is neither caller nor kernel," || :
