# SPDX-License-Identifier: GPL-2.0-only
LDLIBS-fail := -lbpf -lelf -lz -luring
