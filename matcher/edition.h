/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_EDITION_H
#define REFRAIN_MATCHER_EDITION_H

#include "matcher/align.h"
#include "matcher/fingerprint.h"
#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Whether two fingerprints of one recording, at one phase, differ anywhere: a
 *  muted word, a bleep, another mix (pure). The figures are those of the
 *  measurements in matcher/README.md, "Editions". */

struct edition {
    /* Over 1 s, over 4 s: the worst share of differing bits, less the median
     * of the items. */
    double worst_second;
    double worst_four_seconds;
    double level_error_db; /* the largest, after what is common is gone */
    double score;          /* of the two, over the track's own noise */
    /* Both per pair of items, the first being query item `first_item`: what
     * stands out around it. Owned, item_count of each. */
    float *second_error; /* share of differing bits of the second around it */
    float *level_error;  /* dB, absolute */
    size_t first_item;
    size_t item_count;
    double median_error; /* of the items */
};

/** Compares on `lag_items` (query item minus reference item).
 *  noise  the track's bit error rate where the two are alike
 *  out    the caller's on STATUS_OK: edition_clear() it.
 *  STATUS_INVALID "no_overlap": under ALIGN_WINDOW_ITEMS pairs. */
MUST_USE enum status edition_compare(struct edition *out,
                                     const struct fingerprint *query,
                                     const struct fingerprint *reference,
                                     int32_t lag_items, double noise,
                                     struct error *err);
void edition_clear(struct edition *edition);

/** What one place would score by itself; index as in the arrays. */
double edition_local_score(const struct edition *edition, size_t index,
                           double noise);

#endif
