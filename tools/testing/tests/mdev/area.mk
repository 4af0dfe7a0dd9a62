# SPDX-License-Identifier: GPL-2.0-only
#
# The drivers that the tests of this area and of type1 load, for every kernel
# that is here: O/tests/mdev/RELEASE/ioasid_mdev.ko, ioasid_mig.ko and
# ioasid_fakeiommu.ko.

MDEV_RELEASES := $(notdir $(patsubst %/include/config/kernel.release,%,\
	$(foreach release,$(sort $(shell cat $(O_ANY)/kernels/*.release 2>/dev/null)),\
	$(wildcard /usr/src/linux-headers-$(release)/include/config/kernel.release))))
MDEV_RELEASES := $(call for_arch,$(MDEV_RELEASES:linux-headers-%=%))
MDEV_SOURCES  := $(addprefix tests/mdev/module/,ioasid_mdev.c ioasid_fakeiommu.c mig_main.c mig_state.c \
	mig_write.c mig.h Kbuild) lib/mdev.h lib/mig.h
MDEV_MODULES  := $(MDEV_RELEASES:%=$(OUT)/mdev/%/ioasid_mdev.ko)

all: $(MDEV_MODULES)

$(OUT)/mdev/%/ioasid_mdev.ko: $(MDEV_SOURCES) $(wildcard ../../kmod/compat/*.h)
	@mkdir -p $(@D)/lib
	@# Our O is not the kernel's. Two files are named mig.h.
	@cp $(filter tests/%,$^) lib/mdev.h $(@D)
	@cp lib/mig.h $(@D)/lib
	env -u MAKEFLAGS -u MFLAGS -u O $(MAKE) -s -C /usr/src/linux-headers-$* M=$(abspath $(@D)) W=1 KCFLAGS=-Werror \
		IOASID_KMOD=$(abspath ../../kmod) --no-print-directory modules
