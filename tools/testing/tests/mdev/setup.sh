#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# As for the tests of the ioctls, and the software devices.
set -eu
tools/testing/tests/uapi/setup.sh
insmod "build/tests/mdev/$(uname -r)/ioasid_mdev.ko"
insmod "build/tests/mdev/$(uname -r)/ioasid_mig.ko"
