# SPDX-License-Identifier: GPL-2.0-only
# Another errno for dirty tracking on a v1 container.
# file: core/legacy.c
# cases: dirty_v1
s/"dirty", -EACCES/"dirty", -EPERM/
