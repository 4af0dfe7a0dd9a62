# SPDX-License-Identifier: GPL-2.0-only
# The old owner of a mapping goes on paying.
# file: core/vaddr.c
# cases: vaddr_owner
s/ioasid_uncharge(&old, old.charged);/;/
