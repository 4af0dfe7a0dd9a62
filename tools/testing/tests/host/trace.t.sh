#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The header of the trace events is where values have their names. Whatever else lists
# values, events or fields agrees with it: the tools' tables, docs/observability.md, and
# the header itself with the enums of kmod/include/ioasid.
. tools/testing/harness/ktap.sh

HEADER=kmod/include/trace/events/ioasid.h
ENUMS="kmod/include/ioasid/args.h kmod/include/ioasid/policy.h"
PAGE=docs/observability.md
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# same WHAT: of the files want and seen, which must hold something.
same() {
	[ -s "$WORK/want" ] || fail "$1: nothing to compare"
	diff "$WORK/want" "$WORK/seen" >"$WORK/diff" || {
		sed 's/^/# /' "$WORK/diff"
		fail "$1"
	}
}

# list NAME: "VALUE name" of each entry of a list in the header, in its order.
list() {
	awk -v name="$1" '$1 == "#define" && $2 == name { on = 1; next }
		on && /EMe?\(/ { split($0, part, /[(), "]+/); print part[2], part[3] }
		on && /EMe\(/ { exit }' "$HEADER"
}

# values ENUM: its enumerators, in their order.
values() {
	# shellcheck disable=SC2086
	awk -v name="$1" '$1 == "enum" && $2 == name && /{$/ { on = 1; next } /^};/ { on = 0 }
		on && /^\t[A-Z]/ { sub(/[ \t,=].*/, "", $1); print $1 }' $ENUMS
}

# pairs: "FIELD LIST" of what TP_printk() looks up: __print_symbolic(__entry->FIELD, LIST).
printed_lists() {
	tr '\n\t' '  ' <"$HEADER" | grep -o '__print_[a-z]*(__entry->[a-z]*, \("|", \)\?[A-Z_]*' |
		sed 's/.*__entry->\([a-z]*\),.* \([A-Z_]*\)$/\1 \2/; s/.*__entry->\([a-z]*\), \([A-Z_]*\)$/\1 \2/' | sort -u
}

# A new value of an enum that is printed has a name, and is known to libtraceevent.
every_value_has_a_name() {
	printed_lists >"$WORK/lists"
	[ "$(wc -l <"$WORK/lists")" -ge 9 ] || fail "only $(wc -l <"$WORK/lists") lists are printed"
	while read -r field list; do
		list "$list" | cut -d ' ' -f 1 | sort >"$WORK/seen"
		[ -s "$WORK/seen" ] || fail "$field is printed with $list, which is no list of EM()"
		grep -q -x "$list" "$HEADER" || fail "$list does not go through TRACE_DEFINE_ENUM()"
		first=$(head -n 1 "$WORK/seen")
		# shellcheck disable=SC2086
		enum=$(awk -v first="$first" '$1 == "enum" { name = $2 } $1 ~ "^" first "([,=]|$)" { print name; exit }' $ENUMS)
		[ -n "$enum" ] || fail "$first belongs to no enum"
		values "$enum" | sort >"$WORK/want"
		same "not all of enum $enum (<) are in $list (>)"
	done <"$WORK/lists"
}

# A field that holds an enum says so: bpftrace then prints its names.
enums_are_declared() {
	printed_lists | grep -v FLAGS | while read -r field list; do
		first=$(list "$list" | head -n 1)
		# shellcheck disable=SC2086
		enum=$(awk -v first="${first% *}" '$1 == "enum" { name = $2 } $1 ~ "^" first "([,=]|$)" { print name; exit }' $ENUMS)
		grep -q "__field(enum $enum, $field)" "$HEADER" || echo "# $field is no field of enum $enum"
	done >"$WORK/bad"
	[ ! -s "$WORK/bad" ] || { cat "$WORK/bad"; fail "fields that are printed with names"; }
	[ "$(grep -c '__field(u32, \(reason\|kind\|op\|step\))' "$HEADER")" = 0 ] || fail 'a u32 in place of an enum'
}

# table FUNCTION: "VALUE name" of what it returns in tools/lib/text.c.
table() {
	awk -v name="$1(" 'index($0, name) { on = 1 } on && /^}/ { exit }
		on && /^\t\t\[IOASID/ { split($0, part, /[][", \t=]+/); print part[2], part[3] }
		on && /case IOASID/ { split($2, part, ":"); value = part[1] }
		on && /return "/ && value { split($0, part, "\""); print value, part[2]; value = "" }' tools/lib/text.c
}

tools_know_the_names() {
	for pair in reason_name:REASONS error_op_name:ERROR_OPS exit_kind_name:EXIT_KINDS change_name:CHANGES; do
		list "IOASID_TRACE_${pair#*:}" | sort >"$WORK/want"
		table "${pair%:*}" | sort >"$WORK/seen"
		same "the header (<) and ${pair%:*}() of tools/lib/text.c (>) differ"
	done
}

the_page_knows_the_reasons() {
	list IOASID_TRACE_REASONS | awk 'NR > 1 { print NR - 1, $2 }' >"$WORK/want"
	# shellcheck disable=SC2016
	sed -n '/^### Reasons/,/^## /s/^| \([0-9]*\) | `\([a-z_]*\)` .*/\1 \2/p' "$PAGE" >"$WORK/seen"
	same "the reasons of the header (<) and of $PAGE (>) differ"
}

# "EVENT FIELD" of the header, but for those that every event has.
header_fields() {
	tr '\n\t' '  ' <"$HEADER" | sed 's/\(TRACE_EVENT\|TRACE_EVENT_FN\|DECLARE_EVENT_CLASS\|DEFINE_EVENT\)(/\n&/g' | awk '
		function fields(text, name) {
			while (match(text, /__(field|array)\([^,]*, *[a-z_0-9]*/)) {
				word = substr(text, RSTART, RLENGTH); sub(/.*, */, "", word)
				name[++n] = word; text = substr(text, RSTART + RLENGTH)
			}
		}
		/^(TRACE_EVENT|TRACE_EVENT_FN|DECLARE_EVENT_CLASS)\(/ {
			split($0, part, /[(,]/); n = 0; delete name; fields($0, name)
			for (i = 1; i <= n; i++) if (/^TRACE/) print part[2], name[i]; else class[part[2]] = class[part[2]] " " name[i]
		}
		/^DEFINE_EVENT\(/ {
			split($0, part, /[(,] */); count = split(class[part[2]], name, " ")
			for (i = 1; i <= count; i++) print part[3], name[i]
		}' | sort
}

# The first code of the third column, for each event of the first.
page_fields() {
	awk -F '|' '/^## Events/ { on = 1; next } /^##/ { on = 0 }
		on && /^\| `ioasid_/ {
			split($4, code, "`"); count = split(code[2], field, " ")
			n = split($2, event, "`")
			for (i = 2; i <= n; i += 2) for (j = 1; j <= count; j++) print event[i], field[j]
		}' "$PAGE" | sort
}

the_page_knows_the_events() {
	header_fields | grep -v -E ' (space|tgid|uid|cgroup)$' >"$WORK/want"
	page_fields >"$WORK/seen"
	# Those that a close does not have.
	sed -i '/^ioasid_space_close err$/d' "$WORK/seen"
	same "the events and fields of the header (<) and of $PAGE (>) differ"
}

ktap_run every_value_has_a_name enums_are_declared tools_know_the_names \
	the_page_knows_the_reasons the_page_knows_the_events
