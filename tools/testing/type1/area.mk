# SPDX-License-Identifier: GPL-2.0-only
#
# The differential suite is one program, and no KTAP test: `check` runs it.

TYPE1_SOURCES := $(sort $(wildcard type1/suite/*.c))

all: $(OUT)/type1/suite

$(OUT)/type1/suite: $(TYPE1_SOURCES) type1/suite/suite.h lib/backend.h lib/mdev_device.h lib/mdev.h harness/ktap.h Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(INC) $(CPPFLAGS) $(CFLAGS) -pthread -o $@ $(TYPE1_SOURCES)
