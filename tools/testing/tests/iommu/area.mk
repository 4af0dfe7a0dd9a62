# SPDX-License-Identifier: GPL-2.0-only
#
# The module that the tests of this area load, for every kernel for which ours
# were built: O/tests/iommu/RELEASE/ioasid_broken.ko.

BROKEN_RELEASES := $(patsubst $(O_ANY)/%/src/Module.symvers,%,$(wildcard $(O_ANY)/*/src/Module.symvers))
BROKEN_RELEASES := $(foreach release,$(call for_arch,$(BROKEN_RELEASES)),\
	$(if $(wildcard /usr/src/linux-headers-$(release)/include/config/kernel.release),$(release)))
BROKEN_MODULES  := $(BROKEN_RELEASES:%=$(OUT)/iommu/%/ioasid_broken.ko)

all: $(BROKEN_MODULES)

$(OUT)/iommu/%/ioasid_broken.ko: tests/iommu/module/ioasid_broken.c tests/iommu/module/Kbuild tests/iommu/broken.h $(O_ANY)/%/src/Module.symvers
	@mkdir -p $(@D)
	@cp $(filter-out %.symvers,$^) $(@D)
	env -u MAKEFLAGS -u MFLAGS -u O $(MAKE) -s -C /usr/src/linux-headers-$* M=$(abspath $(@D)) W=1 KCFLAGS=-Werror \
		IOASID_KMOD=$(abspath ../../kmod) KBUILD_EXTRA_SYMBOLS=$(abspath $(O_ANY)/$*/src/Module.symvers) \
		--no-print-directory modules
