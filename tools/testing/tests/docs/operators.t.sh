#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The commands of docs/operators.md.
. tools/testing/lib/session.sh

trap 'rm -rf "$WORK"; modules_unload ioasid_vfio' EXIT
# As the installed modprobe.d file has it: type1 first.
modprobe vfio_iommu_type1
modules_load ioasid_vfio

no_block_is_left_out() { all_blocks docs/operators.md; }
doctor() { session docs/operators.md 1; }
snoop() { session docs/operators.md 2; }
who() { session docs/operators.md 3; }
holders() { session docs/operators.md 4; }
tenant() { session docs/operators.md 5; }
memlock() { session docs/operators.md 6; }
move() { session docs/operators.md 7; }
stat() { session docs/operators.md 8; }
report() { session docs/operators.md 9; }

ktap_run no_block_is_left_out doctor snoop who holders tenant memlock move stat report
