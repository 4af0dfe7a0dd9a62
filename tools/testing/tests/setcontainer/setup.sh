#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# As for the tests of the ioctls, and the module under test. The stand-in comes
# before ioasid_vfio in vfio.ko's list by being loaded last.
set -eu
. tools/testing/harness/ktap.sh

tools/testing/tests/uapi/setup.sh
modules_load ioasid_setcontainer
insmod "build/tests/setcontainer/$(uname -r)/ioasid_tce.ko"
