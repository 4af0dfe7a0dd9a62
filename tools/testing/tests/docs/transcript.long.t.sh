#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# docs/transcript.md is what tools/transcript.sh writes, numbers aside.
. tools/testing/lib/session.sh

transcript() {
	# It loads the modules itself, and takes them away.
	modules_unload ioasid_vfio ioasid
	tools/transcript.sh >"$WORK/seen" || fail "it ended with status $?, after: $(tail -n 3 "$WORK/seen")"
	plain docs/transcript.md >"$WORK/a"
	plain "$WORK/seen" >"$WORK/b"
	diff "$WORK/a" "$WORK/b" >"$WORK/differ" || {
		sed 's/^/# /' "$WORK/differ"
		fail "docs/transcript.md (<) differs: run 'make transcript'"
	}
	modules_load ioasid
}

ktap_run transcript
