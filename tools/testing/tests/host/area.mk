# SPDX-License-Identifier: GPL-2.0-only
SOURCES-host := ../lib/untrusted.c ../lib/json.c
