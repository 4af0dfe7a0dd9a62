# SPDX-License-Identifier: GPL-2.0-only
# What was charged is not given back.
# file: pin/charge.c
# consumer: dpdk
# rows: orphan
/^__flatten void ioasid_refund_flush/,/^}/s/uncharge_locked_vm(r->pages, r->npages);/;/
