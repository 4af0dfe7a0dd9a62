# SPDX-License-Identifier: GPL-2.0-only
# UPDATE_VADDR is there with a software device.
# file: abi/vfio_compat.c
# cases: life_extension_vaddr_emulated
s/return space ? !READ_ONCE(space->emulated) : 0;/return !!space;/
