# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by the findings about libtraceevent, which is seen through trace-cmd.
# records: writes a trace.dat of the events that it reads, in the form of tracedat.pl.
# report OPTION...: what trace-cmd report prints of each, without the head of the line.
. "$(dirname "$0")/debian.sh"

debian trace-cmd=3.3.1-1+b1 libtraceevent1=1:1.8.4-2 libtracefs1 libc6 zlib1g libzstd1

records() { perl "$(dirname "$0")/tracedat.pl" "$tmp/trace.dat"; }
report() { run usr/bin/trace-cmd report -i "$tmp/trace.dat" "$@" 2>&1 | sed -n 's/^ *demo-42[^:]*: [a-z]*: *//p'; }
