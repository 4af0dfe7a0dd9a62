# SPDX-License-Identifier: GPL-2.0-only
# Programs in the place of ejected ones stay in all records.
# file: policy/load.c
# seen: was (notified|given back)
s/r->seq = anew ? ++last_seq : was->seq;/r->seq = was->seq;/
