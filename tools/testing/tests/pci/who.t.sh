#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A device without a group: there is no container, and no file of VFIO, that says whose it is.
. tools/testing/harness/ktap.sh
. tools/testing/lib/who.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

who_names_the_device() {
	who_names 0000:00:05.0 direct
}

ktap_run who_names_the_device
