#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
set -eu
rmmod ioasid_kapi
rmmod ioasid_broken
exec tools/testing/tests/isolation/teardown.sh
