# SPDX-License-Identifier: GPL-2.0-only
# A policy is ejected for what it returns from charge: pages go back to those behind it, too.
# file: hooks/account.c
# seen: was given back pages that it was not charged
s/seen_by, ioasid_walk_passed(w, w->set->has\[w->op\]));/seen_by, ioasid_policy_enabled(w->prog) ? ioasid_walk_passed(w, w->set->has[w->op]) : w->set->has[w->op]);/
