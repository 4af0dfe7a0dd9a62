// SPDX-License-Identifier: GPL-2.0-only
/*
 * The races again, for long enough that rare ones are met.
 */
#define SECONDS	40
#include "lifetime/races.c"
