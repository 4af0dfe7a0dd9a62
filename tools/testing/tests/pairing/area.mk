# SPDX-License-Identifier: GPL-2.0-only
LDLIBS-pairing := -lbpf -lelf -lz
