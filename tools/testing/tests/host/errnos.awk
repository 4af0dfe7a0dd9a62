# SPDX-License-Identifier: GPL-2.0-only
# "SECTION ERRNO" for each errno in the comments of <linux/ioasid*.h>, with the
# sections named as in tools/testing/tests/native/errnos.
/^\/\*\*/ { comment = 1 }
/^\t?\/\*\* @/ || comment {
	if ($2 ~ /^(struct|enum)$/ && ($1 == "*" || $1 == "/**"))
		section = substr($3, length("ioasid_") + 1)
	if (/DOC: What \/dev\/ioasid answers/)
		section = "join"
	if (/DOC: The ioctls of ioasid's own/)
		section = "all"
	if (/DOC: The ioctls of a device/)
		section = "device"
	n = split($0, word, /[^A-Z0-9_]+/)
	for (i = 1; i <= n; i++)
		if (word[i] ~ /^E[A-Z0-9]+$/ && length(word[i]) > 2)
			print section, word[i]
}
# Comments of members, inside of an enum.
/^\t\/\*\*$/ { comment = 1 }
/\*\// { comment = 0 }
