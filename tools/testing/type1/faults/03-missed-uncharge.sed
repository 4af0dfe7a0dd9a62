# SPDX-License-Identifier: GPL-2.0-only
# What was charged is not given back.
# file: core/pages.c
# cases: unmap_gives_back
s/^\tioasid_uncharge(pages, pages->charged);$/\t;/
