# SPDX-License-Identifier: GPL-2.0-only
#
# The scripts of this area run these; they are no tests themselves.

all: $(O)/fixture/mapper

$(O)/fixture/mapper: tests/policy/fixture/mapper.c ../lib/text.c ../lib/say.c ../lib/json.c ../lib/untrusted.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(INC) $(CFLAGS) -o $@ $(filter %.c,$^)

LDLIBS-policy := -lbpf -lelf -lz

# A busy machine, for the kernel that our modules are built for.
all: $(KMOD_RELEASE:%=$(OUT)/policy/%/ioasid_noise.ko)

$(OUT)/policy/%/ioasid_noise.ko: tests/policy/module/ioasid_noise.c tests/policy/module/Kbuild $(O_ANY)/%/src/Module.symvers
	@mkdir -p $(@D)
	@cp $(filter-out %.symvers,$^) $(@D)
	env -u MAKEFLAGS -u MFLAGS -u O $(MAKE) -s -C /usr/src/linux-headers-$* M=$(abspath $(@D)) W=1 KCFLAGS=-Werror \
		--no-print-directory modules
