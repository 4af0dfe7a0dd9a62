# SPDX-License-Identifier: GPL-2.0-only
# Memory that a userfaultfd watches is pinned behind its back.
# file: pin/file.c
# cases: memory_of_userfaultfd
s/ && !userfaultfd_armed(vma);/;/
