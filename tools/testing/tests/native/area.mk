# SPDX-License-Identifier: GPL-2.0-only
CFLAGS-native  := -I../libioasid
SOURCES-native := $(wildcard ../libioasid/*.c)
LDLIBS-native  := -luring -lbpf -lelf -lz

# A caller of the in-kernel functions, for every kernel for which our modules
# were built: O/tests/native/RELEASE/ioasid_kapi.ko.
KAPI_RELEASES := $(patsubst $(O_ANY)/%/src/Module.symvers,%,$(wildcard $(O_ANY)/*/src/Module.symvers))
KAPI_RELEASES := $(foreach release,$(call for_arch,$(KAPI_RELEASES)),\
	$(if $(wildcard /usr/src/linux-headers-$(release)/include/config/kernel.release),$(release)))

all: $(KAPI_RELEASES:%=$(OUT)/native/%/ioasid_kapi.ko)

$(OUT)/native/%/ioasid_kapi.ko: tests/native/module/ioasid_kapi.c tests/native/module/Kbuild lib/kapi.h $(O_ANY)/%/src/Module.symvers
	@mkdir -p $(@D)
	@cp $(filter-out %.symvers,$^) $(@D)
	env -u MAKEFLAGS -u MFLAGS -u O $(MAKE) -s -C /usr/src/linux-headers-$* M=$(abspath $(@D)) W=1 KCFLAGS=-Werror \
		IOASID_KMOD=$(abspath ../../kmod) KBUILD_EXTRA_SYMBOLS=$(abspath $(O_ANY)/$*/src/Module.symvers) \
		--no-print-directory modules
