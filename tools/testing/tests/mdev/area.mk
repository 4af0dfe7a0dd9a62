# SPDX-License-Identifier: GPL-2.0-only
#
# The drivers that the tests of this area and of type1 load, for every kernel
# that is here: O/tests/mdev/RELEASE/ioasid_mdev.ko and ioasid_fakeiommu.ko.

MDEV_RELEASES := $(notdir $(patsubst %/include/config/kernel.release,%,\
	$(foreach release,$(sort $(shell cat $(O_ANY)/kernels/*.release 2>/dev/null)),\
	$(wildcard /usr/src/linux-headers-$(release)/include/config/kernel.release))))
MDEV_RELEASES := $(call for_arch,$(MDEV_RELEASES:linux-headers-%=%))
MDEV_MODULES  := $(MDEV_RELEASES:%=$(OUT)/mdev/%/ioasid_mdev.ko)

all: $(MDEV_MODULES)

$(OUT)/mdev/%/ioasid_mdev.ko: tests/mdev/module/ioasid_mdev.c tests/mdev/module/ioasid_fakeiommu.c tests/mdev/module/Kbuild lib/mdev.h
	@mkdir -p $(@D)
	@# Our O is not the kernel's.
	@cp $^ $(@D)
	env -u MAKEFLAGS -u MFLAGS -u O $(MAKE) -s -C /usr/src/linux-headers-$* M=$(abspath $(@D)) W=1 KCFLAGS=-Werror --no-print-directory modules
