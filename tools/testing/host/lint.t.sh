#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Rules of lint, each with planted faults that must turn it red.
. tools/testing/harness/ktap.sh

HERE=$PWD/tools/testing/lint
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# same_offences WHAT: $WORK/found holds one line for each line of stdin, which matches it.
same_offences() {
	cat >"$WORK/wanted"
	[ "$(wc -l <"$WORK/found")" = "$(wc -l <"$WORK/wanted")" ] || fail "$1: $(cat "$WORK/found")"
	paste -d '\n' "$WORK/wanted" "$WORK/found" | while read -r wanted && read -r found; do
		case $found in
		*"$wanted"*) ;;
		*) fail "$1: '$found' does not say '$wanted'" ;;
		esac
	done
}

# subjects TIME SUBJECT...: judges commits of that time (- one second before the rule).
subjects() {
	time=1795890000
	[ "$1" = new ] || time=$((time - 1))
	shift
	for subject; do
		echo "$time 0123abc $subject"
	done >"$WORK/commits"
	awk -v VERBS="$HERE/verbs" -f "$HERE/subjects.awk" "$HERE/verbs" "$WORK/commits" >"$WORK/found"
}

good_subjects_pass() {
	subjects new 'core/map: check the length before the flags' 'kmod, docs: name runs extents' \
		'policy tests: wait for the ejection' 'pci: never reset a bus with a foreign device' \
		'Revert "core/map: check the length before the flags"'
	same_offences "good subjects" </dev/null
}

bad_subjects_are_red() {
	subjects new 'core/map: checks the length' 'core/map: the length is checked' 'Check the length' \
		'core/map: check the length.' \
		'core/map: check the length of what the caller maps before the flags of it'
	same_offences "bad subjects" <<END
'checks' is no imperative
'the' is no imperative
does not begin with its area
ends with a full stop
has 73 columns
END
}

# Nobody can mend what was merged before the rule.
older_commits_are_not_judged() {
	subjects old 'What was done.' 'core/map: the length is checked'
	same_offences "old subjects" </dev/null
}

# A shallow clone lists its last commit, with the time of its author like the whole repository.
a_shallow_clone_judges_the_same() {
	git init -q "$WORK/whole"
	commit() {
		GIT_AUTHOR_DATE="$1" GIT_COMMITTER_DATE='1795990000 +0000' git -C "$WORK/whole" \
			-c user.name=x -c user.email=x@example.org commit -q --allow-empty -m "$2"
	}
	commit '1795880000 +0000' 'Old and bad'
	commit '1795900000 +0000' 'New and bad'
	git clone -q --depth 1 "file://$WORK/whole" "$WORK/shallow"
	for clone in whole shallow; do
		git -C "$WORK/$clone" log --no-merges --format='%at %h %s' >"$WORK/commits"
		awk -v VERBS="$HERE/verbs" -f "$HERE/subjects.awk" "$HERE/verbs" "$WORK/commits" >"$WORK/found"
		echo "does not begin with its area, as in 'core/map: check ...': New and bad" |
			same_offences "the $clone clone"
	done
}

an_include_against_the_layers_is_red() {
	mkdir -p "$WORK/tree/kmod/vfio" "$WORK/tree/kmod/core"
	printf '#include <linux/vfio.h>\n#include "../core/space.h"\n' >"$WORK/tree/kmod/vfio/planted.c"
	printf '#include <linux/mm.h>\n#include "space.h"\n' >"$WORK/tree/kmod/core/planted.c"
	(cd "$WORK/tree" && awk -v TABLE="$HERE/layers" -f "$HERE/layers.awk" "$HERE/layers" \
		kmod/core/planted.c kmod/vfio/planted.c) >"$WORK/found"
	echo 'kmod/vfio/planted.c:2: "../core/space.h" is not for kmod/vfio/' | same_offences "layers"
}

ktap_run good_subjects_pass bad_subjects_are_red older_commits_are_not_judged \
	a_shallow_clone_judges_the_same an_include_against_the_layers_is_red
