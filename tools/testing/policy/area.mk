# SPDX-License-Identifier: GPL-2.0-only
#
# The scripts of this area run these; they are no tests themselves.

all: $(O)/fixture/mapper

$(O)/fixture/mapper: policy/fixture/mapper.c ../lib/text.c ../lib/say.c ../lib/json.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(INC) $(CFLAGS) -o $@ $(filter %.c,$^)

LDLIBS-policy := -lbpf -lelf -lz
