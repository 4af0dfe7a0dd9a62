# SPDX-License-Identifier: GPL-2.0-only
# Pins that were refused go back to all policies, asked or not.
# file: hooks/account.c
# seen: was given back pins that it had not accepted
s/w.left = ioasid_walk_passed(&w, asked);/w.left = asked;/
