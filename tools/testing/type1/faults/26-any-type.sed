# SPDX-License-Identifier: GPL-2.0-only
# VFIO_SET_IOMMU takes any extension for a type.
# file: vfio/main.c
# cases: life_set_iommu_not_a_type
/^static void \*shim_open/,/^}/s/return ERR_PTR(-EINVAL);/flags |= 0;/
