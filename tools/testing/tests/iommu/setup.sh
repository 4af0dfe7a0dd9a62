#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The machine of the isolation tests, an IOMMU that fails on demand, and a caller of what
# the module exports.
set -eu
tools/testing/tests/isolation/setup.sh
insmod "build/tests/iommu/$(uname -r)/ioasid_broken.ko"
insmod "build/tests/native/$(uname -r)/ioasid_kapi.ko"
