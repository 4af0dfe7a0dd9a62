# SPDX-License-Identifier: GPL-2.0-only
# The old owner of a mapping goes on paying.
# file: ops/owner.c
# cases: vaddr_owner
s/ioasid_uncharge(who, who->charged);/;/
