# SPDX-License-Identifier: GPL-2.0-only
#
# The module that the tests of this area load, for the kernel that ours are built for:
# O/tests/iommu/RELEASE/ioasid_broken.ko.

BROKEN_MODULES  := $(KMOD_RELEASE:%=$(OUT)/iommu/%/ioasid_broken.ko)

all: $(BROKEN_MODULES)

$(OUT)/iommu/%/ioasid_broken.ko: tests/iommu/module/ioasid_broken.c tests/iommu/module/Kbuild tests/iommu/broken.h $(O_ANY)/%/src/Module.symvers
	@mkdir -p $(@D)
	@cp $(filter-out %.symvers,$^) $(@D)
	env -u MAKEFLAGS -u MFLAGS -u O $(MAKE) -s -C /usr/src/linux-headers-$* M=$(abspath $(@D)) W=1 KCFLAGS=-Werror \
		IOASID_KMOD=$(abspath ../../kmod) KBUILD_EXTRA_SYMBOLS=$(abspath $(O_ANY)/$*/src/Module.symvers) \
		--no-print-directory modules
