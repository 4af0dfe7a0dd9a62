# SPDX-License-Identifier: GPL-2.0-only
# Pages that a device could write are not marked dirty.
# file: pin/pages.c
# cases: unmap_marks_dirty
/unpin_user_page_range_dirty_lock(/,/;/s/pages->write);/false);/
