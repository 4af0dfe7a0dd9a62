// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of a map and an unmap, from the decoding of a call down to the page tables, as one
 * unit for the compiler.
 *
 * The way runs through nineteen files in five folders. Compiled one by one, each call from
 * one into another costs a frame of its own, which for the map of a single page is more than what is
 * done in it. Here the compiler sees all of them, as kernel/sched/build_policy.c does it for
 * the scheduler. The files stay what they are: each includes what it needs and would compile
 * by itself, and which folder may include which is checked for each.
 *
 * In the order of layers, the lowest first.
 */
#include "space/tree.c"
#include "space/mapping.c"
#include "pin/debt.c"
#include "pin/charge.c"
#include "pin/pages.c"
#include "pin/pin.c"
#include "domain/unmap.c"
#include "domain/map.c"
#include "ops/undo.c"
#include "ops/finish.c"
#include "ops/unmap.c"
#include "ops/map.c"
#include "ops/map_batch.c"
#include "abi/ids.c"
#include "abi/call.c"
#include "abi/ioctl_map.c"
#include "abi/ioctl.c"
#include "abi/uring.c"
#include "abi/vfio_compat.c"
