# SPDX-License-Identifier: GPL-2.0-only
# Private memory of a memfd is pinned as if it were shared.
# file: pin/file.c
# cases: memory_private_file
s/!(vma->vm_flags & VM_SHARED) || //
