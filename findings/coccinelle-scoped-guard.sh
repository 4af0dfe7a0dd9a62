#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Coccinelle 1.3 skips every function with a scoped_guard(), and spatch succeeds.
#
# scoped_guard() of the kernel is followed by a block, like a loop. Coccinelle's own list of
# macros does not have it, so the function does not parse, and none of its lines are searched:
# not even those before the guard. spatch prints no word of it and exits with 0, so a
# check that finds nothing has not looked. guard(), __free() and CLASS() are no trouble.
# Only --parse-c and --verbose-parsing show the lines that did not parse. A macro file that calls
# scoped_guard an iterator (YACFE_ITERATOR) mends it.
. "$(dirname "$0")/debian.sh"

debian coccinelle=1.3.0.deb-1+b2 libzstd1 libc6
export COCCINELLE_HOME="$tmp/root/usr/lib/coccinelle"

cat >"$tmp/old.cocci" <<'END'
@@ expression e; @@
-old(e)
+new(e)
END
echo '#define scoped_guard YACFE_ITERATOR' >"$tmp/macros.h"

# search STATEMENTS [OPTION...]: the calls found in a function with them, the exit code.
search() {
	printf 'int f(struct demo *d)\n{\n\told(d);\n\t%s\n\treturn 0;\n}\n' "$1" >"$tmp/demo.c"
	statements=$1
	shift
	code=0
	run usr/bin/spatch --sp-file "$tmp/old.cocci" "$@" "$tmp/demo.c" >"$tmp/patch" 2>"$tmp/log" || code=$?
	echo "$statements: $(grep -c '^+.*new' "$tmp/patch" || :) of 2, exit $code, $(grep -i -c -e error -e pars "$tmp/log" || :) messages"
}

seen=$(search 'guard(mutex)(&d->lock); old(d);'
	search 'struct demo *p __free(kfree) = get(d); old(p);'
	search 'scoped_guard(mutex, &d->lock) { old(d); }'
	echo "with a macro file: $(search 'scoped_guard(mutex, &d->lock) { old(d); }' --macro-file "$tmp/macros.h")")
same "functions with guards" "$seen" "guard(mutex)(&d->lock); old(d);: 2 of 2, exit 0, 0 messages
struct demo *p __free(kfree) = get(d); old(p);: 2 of 2, exit 0, 0 messages
scoped_guard(mutex, &d->lock) { old(d); }: 0 of 2, exit 0, 0 messages
with a macro file: scoped_guard(mutex, &d->lock) { old(d); }: 2 of 2, exit 0, 0 messages"
echo "$seen"
