# SPDX-License-Identifier: GPL-2.0-only
# What a driver writes by vfio_dma_rw() is not dirty.
# file: ops/access.c
# consumer: qemu-live
# rows: migrate
/^static long rw_chunk/,/^}/s/^\tif (write)$/\tif (0)/
