/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_ALIGN_H
#define REFRAIN_MATCHER_ALIGN_H

#include "matcher/fingerprint.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Lays one fingerprint over another (pure): which part of the query sounds
 *  like which part of the reference. A lag is query item minus reference item;
 *  a song that was cut or repeated lies on several. */

enum {
    ALIGN_MAX_LAGS = 8,
    ALIGN_MAX_SEGMENTS = 64,
    /* Items of a window that decides whether a place is alike: 4 s. */
    ALIGN_WINDOW_ITEMS = 32,
};

/** A stretch of the query that is alike, on one lag. */
struct segment {
    size_t query_item; /* the first */
    size_t item_count;
    int32_t lag_items;
};

struct alignment {
    /* In the order of the query; no two overlap there. Beyond the last that
     * fits they are not listed, only counted. */
    struct segment segments[ALIGN_MAX_SEGMENTS];
    size_t segment_count;
    /* Items that are alike and say something: neither quiet nor standing
     * still. Silence, hum and a held tone are like any other of their kind. */
    size_t telling_items;
    /* The lag with the most of them; 0 when nothing is alike. */
    int32_t lag_items;
    size_t lag_telling_items;
    size_t lag_items_alike; /* telling or not, on that lag */
    double bit_error_rate;  /* on that lag, where alike; 1 when nothing is */
};

/** Aligns the two. No likeness is an alignment without segments, no error.
 *  STATUS_NO_MEMORY: *out is zeroed. */
MUST_USE enum status align_prints(struct alignment *out,
                                  const struct fingerprint *query,
                                  const struct fingerprint *reference,
                                  struct error *err);

/** Share of differing bits of `count` items, both sides in full. */
double align_bit_error_rate(const uint32_t *query, const uint32_t *reference,
                            size_t count);

/** Fills quiet[0 .. item_count): whether all that item i hears is
 *  LEVELS_QUIET_STEPS under the loud tenth of the print, or digital silence. */
void align_mark_quiet(bool *quiet, const struct fingerprint *print);

#endif
