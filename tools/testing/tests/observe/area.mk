# SPDX-License-Identifier: GPL-2.0-only
#
# The scripts of this area run it; it is no test itself.

all: $(O)/fixture/whole

$(O)/fixture/whole: tests/observe/fixture/whole.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(CFLAGS) -o $@ $<
