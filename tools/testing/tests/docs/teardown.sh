#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# As after the tests of policies: what was left behind holds the module, and fails this.
exec tools/testing/tests/policy/teardown.sh
