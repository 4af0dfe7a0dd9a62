# SPDX-License-Identifier: GPL-2.0-only
CFLAGS-native  := -I../libioasid
SOURCES-native := $(wildcard ../libioasid/*.c)
LDLIBS-native  := -luring
