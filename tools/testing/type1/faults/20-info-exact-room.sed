# SPDX-License-Identifier: GPL-2.0-only
# GET_INFO wants more room than it says.
# file: abi/vfio_info.c
# cases: info_room_exact
s/if (info.argsz < sizeof(info) + chain.size)/if (info.argsz <= sizeof(info) + chain.size)/
