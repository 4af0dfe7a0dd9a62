# SPDX-License-Identifier: GPL-2.0-only
# Dirty tracking ends when a live update gives the container to another process.
# file: space/heir.c
# cases: vaddr_keeps_tracking
s/^\tioasid_space_give(space, heir);/\tioasid_space_give(space, heir), space->tracking = false;/
