#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same machine as for the tests of the ioctls.
exec tools/testing/tests/uapi/setup.sh
