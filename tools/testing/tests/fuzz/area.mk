# SPDX-License-Identifier: GPL-2.0-only
#
# The fuzzer reads the kernel's log as the runner of tests does.
SOURCES-fuzz := harness/kmsg.c
LDLIBS-fuzz  := -luring
