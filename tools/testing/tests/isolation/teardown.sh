#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
exec tools/testing/tests/uapi/teardown.sh
