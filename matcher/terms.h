/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_TERMS_H
#define REFRAIN_MATCHER_TERMS_H

#include "matcher/fingerprint.h"

/** Index terms of a fingerprint (pure): the top 24 bits of an item, mixed so
 *  that they spread evenly. The index holds few of them (winnowing: the
 *  smallest of every 32 consecutive), a query asks for all: measured recall
 *  1.0000 of 755 at 25.6 postings a minute. Silence has no term. */
enum { TERM_BITS = 24, TERM_WINDOW_ITEMS = 32 };

struct terms {
    uint32_t *values; /* owned; ascending, each once; < 1 << TERM_BITS */
    size_t count;
};

/** The terms under which a recording is filed. */
MUST_USE enum status terms_for_index(struct terms *out,
                                     const struct fingerprint *print,
                                     struct error *err);
/** The terms with which a recording is looked for: a superset of the above
 *  for the same fingerprint. */
MUST_USE enum status terms_for_query(struct terms *out,
                                     const struct fingerprint *print,
                                     struct error *err);
void terms_clear(struct terms *terms);

#endif
