# SPDX-License-Identifier: GPL-2.0-only
# Policies behind the one that refused are notified of the end.
# file: hooks/hooks.c
# seen: was notified of the (end of a map that had not begun|result of an attach)
/^static noinline void hook_drop_rest/,/^}/s/seen_by->slots &= ~BIT(w->prog->policy->slot);/;/
