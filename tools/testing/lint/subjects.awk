# SPDX-License-Identifier: GPL-2.0-only
# Reads the list of verbs first, then commits, "AUTHOR-TIME COMMIT SUBJECT" a line:
# a subject names its area, begins with an imperative after it, and has at most
# 72 columns.
#
# Older commits than the rule are not judged: they cannot be mended. Age is the
# author's time and no commit, so that a shallow clone or a rebased branch judges
# the same commits as the whole repository.
BEGIN {
	if (!since)
		since = 1795896900	# 2026-11-28T20:15Z, when work that began before the rule had landed
}

FILENAME == VERBS {
	if (!/^#/)
		for (i = 1; i <= NF; i++)
			verb[$i] = 1
	next
}

function offence(what) { printf "%s:1: commit subject: %s: %s\n", commit, what, subject }

$1 >= since {
	commit = $2
	subject = $0
	sub(/^[0-9]+ [0-9a-f]+ /, "", subject)
	if (subject ~ /^Revert "/)
		next
	if (length(subject) > 72)
		offence("it has " length(subject) " columns, 72 is the cap")
	if (subject ~ /\.$/)
		offence("it ends with a full stop")
	if (subject !~ /^[a-z0-9_.\/-]+(, [a-z0-9_.\/ -]+)*( [a-z]+)*: [^ ]/) {
		offence("it does not begin with its area, as in 'ops/map: check ...'")
		next
	}
	first = subject
	sub(/^[^:]*: /, "", first)
	sub(/^(never|do not) /, "", first)
	sub(/[ ,:;].*/, "", first)
	if (!(tolower(first) in verb))
		offence("'" first "' is no imperative that tools/testing/lint/verbs has")
}
