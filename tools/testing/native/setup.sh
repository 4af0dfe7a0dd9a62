#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same machine as for the tests of the ioctls, and a module that calls ours.
set -eu
tools/testing/uapi/setup.sh
insmod "build/tests/native/$(uname -r)/ioasid_kapi.ko"
