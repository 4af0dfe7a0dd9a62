# SPDX-License-Identifier: GPL-2.0-only
#
# The stand-in for the IOMMU driver of another platform, for every kernel that
# is here: O/tests/setcontainer/RELEASE/ioasid_tce.ko.

TCE_RELEASES := $(notdir $(patsubst %/include/config/kernel.release,%,\
	$(foreach release,$(sort $(shell cat $(O_ANY)/kernels/*.release 2>/dev/null)),\
	$(wildcard /usr/src/linux-headers-$(release)/include/config/kernel.release))))
TCE_RELEASES := $(call for_arch,$(TCE_RELEASES:linux-headers-%=%))
TCE_MODULES  := $(TCE_RELEASES:%=$(OUT)/setcontainer/%/ioasid_tce.ko)

all: $(TCE_MODULES)

$(OUT)/setcontainer/%/ioasid_tce.ko: tests/setcontainer/module/ioasid_tce.c tests/setcontainer/module/Kbuild ../../kmod/compat/vfio_private.h
	@mkdir -p $(@D)
	@# Our O is not the kernel's.
	@cp $^ $(@D)
	env -u MAKEFLAGS -u MFLAGS -u O $(MAKE) -s -C /usr/src/linux-headers-$* M=$(abspath $(@D)) W=1 KCFLAGS=-Werror --no-print-directory modules
