# SPDX-License-Identifier: GPL-2.0-only
CFLAGS-native  := -I../libioasid
SOURCES-native := $(wildcard ../libioasid/*.c)
LDLIBS-native  := -luring -lbpf -lelf -lz

# A caller of the in-kernel functions, for the kernel that ours are built for:
# O/tests/native/RELEASE/ioasid_kapi.ko.
all: $(KMOD_RELEASE:%=$(OUT)/native/%/ioasid_kapi.ko)

$(OUT)/native/%/ioasid_kapi.ko: tests/native/module/ioasid_kapi.c tests/native/module/Kbuild lib/kapi.h $(O_ANY)/%/src/Module.symvers
	@mkdir -p $(@D)
	@cp $(filter-out %.symvers,$^) $(@D)
	env -u MAKEFLAGS -u MFLAGS -u O $(MAKE) -s -C /usr/src/linux-headers-$* M=$(abspath $(@D)) W=1 KCFLAGS=-Werror \
		IOASID_KMOD=$(abspath ../../kmod) KBUILD_EXTRA_SYMBOLS=$(abspath $(O_ANY)/$*/src/Module.symvers) \
		--no-print-directory modules
