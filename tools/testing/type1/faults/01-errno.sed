# SPDX-License-Identifier: GPL-2.0-only
# Another errno for dirty tracking on a v1 container.
# file: abi/vfio_compat.c
# cases: dirty_v1
s/IOASID_ERROR_DIRTY, -EACCES/IOASID_ERROR_DIRTY, -EPERM/
