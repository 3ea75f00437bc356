/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_TAGS_H
#define REFRAIN_MATCHER_TAGS_H

#include "matcher/audio.h"

/** Takes over one tag of a file if it is one that Refrain keeps; others are
 *  passed over. What was set before stays: the first value wins. Pure.
 *  tags   starts zeroed
 *  key    as FFmpeg names it, in any case: "title", "TSRC", "ITUNESADVISORY"
 *  value  bytes of any kind up to a NUL; values that cannot be what the key
 *         says (an ISRC of three letters) are passed over */
void tags_add(struct tags *tags, const char *key, const char *value);

#endif
