# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by scripts that work through a list of names, several workers at a time.

# take FILE: prints the first line and removes it; nothing when none is left. One worker at a time.
take() {
	(
		flock 7
		head -n 1 "$1"
		sed -i 1d "$1"
	) 7>"$1.lock"
}
