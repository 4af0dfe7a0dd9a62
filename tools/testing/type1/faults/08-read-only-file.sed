# SPDX-License-Identifier: GPL-2.0-only
# A file that may only be read is mapped to be written.
# file: pin/file.c
# cases: memory_of_a_read_only_huge_file
s/(write ? VM_WRITE : VM_READ)/VM_READ/
