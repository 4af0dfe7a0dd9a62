# SPDX-License-Identifier: GPL-2.0-only
# The record of an address space is added to with bits of unloaded policies in it, whose slots others have.
# file: hooks/hooks.c
# seen: was notified of the close of an address space that was not open
/^static int space_open_one/,/^}/s/ioasid_seen_by_prune(seen_by, w->set);/;/
