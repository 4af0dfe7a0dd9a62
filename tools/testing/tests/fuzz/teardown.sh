#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Everything as it was before setup.sh.
set -eu
exec tools/testing/tests/fail/teardown.sh
