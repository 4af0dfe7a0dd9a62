#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
set -eu
rmmod ioasid_mig
rmmod ioasid_mdev
tools/testing/tests/uapi/teardown.sh
