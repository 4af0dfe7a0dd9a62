#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
set -eu
rmmod ioasid_kapi
exec tools/testing/tests/uapi/teardown.sh
