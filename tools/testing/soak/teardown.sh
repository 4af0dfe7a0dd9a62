#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
exec tools/testing/fuzz/teardown.sh
