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

# since: the time from which on commits are judged.
since() { sed -n 's/.*since = \([0-9]*\).*/\1/p' "$HERE/subjects.awk"; }

# subjects new|old SUBJECT...: judges commits of that time, or of one second before.
subjects() {
	time=$(since)
	[ "$1" = new ] || time=$((time - 1))
	shift
	for subject; do
		echo "$time 0123abc $subject"
	done >"$WORK/commits"
	awk -v VERBS="$HERE/verbs" -f "$HERE/subjects.awk" "$HERE/verbs" "$WORK/commits" >"$WORK/found"
}

good_subjects_pass() {
	subjects new 'ops/map: check the length before the flags' 'kmod, docs: name runs extents' \
		'policy tests: wait for the ejection' 'pci: never reset a bus with a foreign device' \
		'Revert "ops/map: check the length before the flags"'
	same_offences "good subjects" </dev/null
}

bad_subjects_are_red() {
	subjects new 'ops/map: checks the length' 'ops/map: the length is checked' 'Check the length' \
		'ops/map: check the length.' \
		'ops/map: check the length of what the caller maps before the flags of it!'
	same_offences "bad subjects" <<END
'checks' is no imperative
'the' is no imperative
does not begin with its area
ends with a full stop
has 73 columns
END
}

# The hook tells the same before git commits.
the_hook_refuses_bad_subjects() {
	git init -q "$WORK/hooked"
	git -C "$WORK/hooked" config core.hooksPath "$HERE"
	commits() { git -C "$WORK/hooked" -c user.name=x -c user.email=x@example.org commit -q --allow-empty -m "$1" >/dev/null 2>"$WORK/found"; }
	commits 'ops/map: check the length' || fail "the hook refuses a good subject: $(cat "$WORK/found")"
	commits 'wip: the length' || fail "the hook judges work in progress"
	! commits 'ops/map: checks the length' || fail "the hook lets a bad subject pass"
	echo "'checks' is no imperative" | same_offences "the hook"
}

# Nobody can mend what was merged before the rule.
older_commits_are_not_judged() {
	subjects old 'What was done.' 'ops/map: the length is checked'
	same_offences "old subjects" </dev/null
}

# A shallow clone lists its last commit, with the time of its author like the whole repository.
a_shallow_clone_judges_the_same() {
	git init -q "$WORK/whole"
	commit() {
		GIT_AUTHOR_DATE="$1" GIT_COMMITTER_DATE='1799990000 +0000' git -C "$WORK/whole" \
			-c user.name=x -c user.email=x@example.org commit -q --allow-empty -m "$2"
	}
	commit "$(($(since) - 1)) +0000" 'Old and bad'
	commit "$(since) +0000" 'New and bad'
	git clone -q --depth 1 "file://$WORK/whole" "$WORK/shallow"
	for clone in whole shallow; do
		git -C "$WORK/$clone" log --no-merges --format='%at %h %s' >"$WORK/commits"
		awk -v VERBS="$HERE/verbs" -f "$HERE/subjects.awk" "$HERE/verbs" "$WORK/commits" >"$WORK/found"
		echo "does not begin with its area, as in 'ops/map: check ...': New and bad" |
			same_offences "the $clone clone"
	done
}

# judge FILE: what the rule "layers" says of includes on stdin.
judge() {
	mkdir -p "$WORK/tree/${1%/*}"
	cat >"$WORK/tree/$1"
	(cd "$WORK/tree" && awk -v TABLE="$HERE/layers" -f "$HERE/layers.awk" "$HERE/layers" "$1") >"$WORK/found"
}

# Each layer with the header of each: only what stands below passes.
an_include_that_climbs_is_red() {
	headers='hooks/hooks pin/pin space/space domain/domain ops/ops abi/abi'
	below=
	for header in $headers; do
		folder=kmod/${header%/*}
		for other in $headers vfio/instance; do
			[ "$other" != "$header" ] || continue
			printf '#include "%s.h"\n' "$other" | judge "$folder/planted.c"
			case " $below " in
			*" $other "*) ;;
			*) echo "$folder/planted.c:1: \"$other.h\" is not for $folder/" | same_offences "$folder: $other.h" ;;
			esac
		done
		below="$below $header"
	done
}

an_include_against_the_layers_is_red() {
	printf '#include <linux/vfio.h>\n#include "space/space.h"\n' | judge kmod/vfio/planted.c
	echo 'kmod/vfio/planted.c:2: "space/space.h" is not for kmod/vfio/' | same_offences "a module above the layers"
	printf '#include "pin/internal.h"\n#include "space/space.h"\n' | judge kmod/ops/planted.c
	echo 'kmod/ops/planted.c:1: "pin/internal.h" is not for kmod/ops/' | same_offences "an inner header"
	printf '#include <linux/mm.h>\n#include "internal.h"\n' | judge kmod/pin/planted.c
	same_offences "a header of the folder" </dev/null
}

# The page and the table, each with one include more than the other.
a_page_that_differs_from_the_layers_is_red() {
	# shellcheck disable=SC2016
	sed 's,^| `kmod/pin` .*| `hooks/hooks.h`,&\, `space/space.h`,' docs/architecture.md >"$WORK/page"
	sed 's,^kmod/ops/.*,& +"hooks/set\\.h",' "$HERE/layers" >"$WORK/layers"
	awk -v TABLE="$WORK/layers" -f "$HERE/layers.page.awk" "$WORK/layers" "$WORK/page" >"$WORK/found"
	same_offences "page and table" <<END
says that kmod/pin includes space/space.h, and $WORK/layers does not
does not say that kmod/ops includes hooks/set.h, and $WORK/layers does
END
	awk -v TABLE="$HERE/layers" -f "$HERE/layers.page.awk" "$HERE/layers" docs/architecture.md >"$WORK/found"
	same_offences "the page" </dev/null
}

an_include_of_another_area_is_red() {
	mkdir -p "$WORK/tree/tools/testing/tests/fail/lib" "$WORK/tree/tools/testing/tests/uapi"
	for folder in fail fail/lib uapi; do
		printf '#include "lib/edu.h"\n#include "fail/sweep.h"\n#include "../../other.h"\n' \
			>"$WORK/tree/tools/testing/tests/$folder/planted.c"
	done
	printf '#include "../../lib/edu.h"\n#include "../fail/sweep.h"\n#include "fail.h"\n' \
		>"$WORK/tree/tools/testing/tests/uapi/planted.bpf.c"
	printf '. tools/testing/lib/policy.sh\n. tools/testing/tests/fail/common.sh\n' \
		>"$WORK/tree/tools/testing/tests/uapi/planted.t.sh"
	(cd "$WORK/tree" && find tools/testing/tests -type f | sort | xargs awk -v AREAS=fail,uapi -f "$HERE/areas.awk") >"$WORK/found"
	same_offences "areas" <<-END
		fail/lib/planted.c:3: ../../other.h is of another area
		uapi/planted.bpf.c:2: ../fail/sweep.h is of another area
		uapi/planted.c:2: fail/sweep.h is of another area
		uapi/planted.t.sh:2: tools/testing/tests/fail/common.sh is of another area
	END
}

# held: judges C on stdin by its comments about locks.
held() {
	cat >"$WORK/held.c"
	awk -f "$HERE/held.awk" "$WORK/held.c" >"$WORK/found"
}

locks_that_are_not_checked_are_red() {
	held <<-END
		/* areas_lock is held. */
		static void in_a_line(void)
		{
		}

		/**
		 * described() - of several lines
		 * @space: domains_rwsem is held for write
		 * @n: a number
		 */
		int described(struct space *space,
			      int n)
		{
			return 0;
		}

		/* Pin the page; no lock of it is held. */
		void waits(struct space *space)
		{
			mutex_lock(&space->areas_lock);
		}
	END
	same_offences "locks that are not checked" <<-END
		held.c:3: in_a_line() says
		held.c:13: described() says
		held.c:19: waits() says
	END
}

locks_that_are_checked_pass() {
	held <<-END
		/*
		 * The head of a file: areas_lock is held.
		 */
		#include <linux/mm.h>

		/* areas_lock is held. */
		static void checked(struct space *space)
		{
			lockdep_assert_held(&space->areas_lock);
		}

		/* Pin the page; no lock is held. */
		void waits(struct space *space)
		{
			ioasid_assert_may_wait(space);
		}

		/* The lock is held by a task that waits. */
		static struct task_struct *holder;

		int says_nothing(void)
		{
			return 0;
		}
	END
	same_offences "locks that are checked" </dev/null
}

# contracts: judges C on stdin by the comments of functions that other files call.
contracts() {
	cat >"$WORK/contracts.c"
	printf '/**\n * in_a_header() - described there\n */\nint in_a_header(int n);\n' >"$WORK/contracts.h"
	awk -f "$HERE/contracts.awk" pass=1 "$WORK/contracts.h" "$WORK/contracts.c" \
		pass=2 "$WORK/contracts.h" "$WORK/contracts.c" >"$WORK/found"
}

functions_without_a_comment_are_red() {
	contracts <<-END
		/* A variable. */
		int number;

		struct space *bare(struct space *space,
				   int n)
		{
			return space;
		}

		/* Too far away. */

		void alone(void)
		{
		}
	END
	same_offences "functions without a comment" <<-END
		contracts.c:4: bare() has no comment
		contracts.c:12: alone() has no comment
	END
}

functions_with_a_comment_pass() {
	contracts <<-END
		/* with_one() - described here */
		noinline void with_one(int n)
		{
		}

		int in_a_header(int n)
		{
			return n;
		}

		static void of_the_file(void)
		{
		}

		const struct ops ops = {
			.f = FUNCTION(n),
		};
	END
	same_offences "functions with a comment" </dev/null
}

# english FILE...: judges files of $WORK by the words of lint.
english() {
	(cd "$WORK" && awk -v WORDS="$HERE/english.words" -f "$HERE/english.awk" "$HERE/english.words" "$@") \
		>"$WORK/found"
}

headless_sentences_are_red() {
	cat >"$WORK/new.c" <<-END
		/* Charged to who mapped it;
		 * nobody is told. */
		int f(void) { return fail("the policy was taken out: load it again"); }	/* he waits */
	END
	cat >"$WORK/new.md" <<-END
		Who comes second waits.
		Pages are let go by whoever unmaps.
	END
	printf '# It comes and goes.\nnobody=65534\n' >"$WORK/new.sh"
	english new.c new.md new.sh
	sort -t : -k 1,1 -k 2,2n -k 3,3 "$WORK/found" >"$WORK/sorted"
	cp "$WORK/sorted" "$WORK/found"
	same_offences "headless sentences" <<-END
		new.c:1: 'to who m'
		new.c:2: 'is told'
		new.c:2: 'nobody'
		new.c:3: 'he'
		new.c:3: 'was taken out'
		new.md:1: 'who comes'
		new.md:2: 'let go'
		new.md:2: 'whoever'
		new.sh:1: 'comes and goes'
	END
}

# Code holds any name, and a relative clause is no headless one.
code_and_good_prose_pass() {
	cat >"$WORK/good.c" <<-END
		/* The process that mapped the page is charged; users who unmap it are not. */
		static int told, nobody = 65534, he;	/* the policy is notified */
		const char *mode = "let go";
	END
	cat >"$WORK/good.md" <<-END
		The user \`nobody\`.

		\`\`\`console
		$ su nobody -c whoever
		\`\`\`

		    nobody is told
	END
	english good.c good.md
	same_offences "good prose" </dev/null
}

# A member that is not recorded could move later, and nobody would see it.
layouts_differ_both_ways() {
	printf 'a: u32 size 0 4\na: u32 flags 4 4\nNUMBER 0x3b01\n' >"$WORK/golden"
	printf 'NUMBER 0x3b01\na: u32 size 0 4\na: u32 flags 4 4\n' >"$WORK/now"
	"$HERE/layout.sh" --compare "$WORK/golden" "$WORK/now" >"$WORK/found"
	same_offences "the same layout" </dev/null
	printf 'a: u32 size 0 4\na: u32 flags 8 4\nNUMBER 0x3b01\na: u32 more 4 4\n' >"$WORK/now"
	"$HERE/layout.sh" --compare "$WORK/golden" "$WORK/now" >"$WORK/found"
	same_offences "another layout" <<-END
	golden:2: changed or gone: a: u32 flags 4 4
	new, add it with layout.sh: a: u32 flags 8 4
	new, add it with layout.sh: a: u32 more 4 4
	END
}

ktap_run good_subjects_pass bad_subjects_are_red the_hook_refuses_bad_subjects older_commits_are_not_judged \
	a_shallow_clone_judges_the_same headless_sentences_are_red code_and_good_prose_pass \
	layouts_differ_both_ways an_include_that_climbs_is_red an_include_against_the_layers_is_red \
	a_page_that_differs_from_the_layers_is_red an_include_of_another_area_is_red \
	locks_that_are_not_checked_are_red locks_that_are_checked_pass \
	functions_without_a_comment_are_red functions_with_a_comment_pass
