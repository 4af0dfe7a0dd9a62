#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The machine of the isolation tests, and an IOMMU that fails on demand.
set -eu
tools/testing/isolation/setup.sh
insmod "build/tests/iommu/$(uname -r)/ioasid_broken.ko"
