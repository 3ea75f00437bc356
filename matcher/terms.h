/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_TERMS_H
#define REFRAIN_MATCHER_TERMS_H

#include "matcher/fingerprint.h"

/** Index terms of a fingerprint (pure): the top 28 bits of an item, mixed so
 *  that they spread evenly. The index holds few of them (winnowing: the
 *  smallest of every 32 consecutive), a query asks for all.
 *
 *  28 bits, not 24: a term's list grows with the catalog, and the smallest of
 *  a window crowd at the low end. With 24 bits a list has 1 000 to 2 000
 *  recordings at ten million, over the stop rule; with 28 it has 60 to 130.
 *  What it costs: catalog/releases/index/README.md. */
enum {
    TERM_BITS = 28,
    TERM_WINDOW_ITEMS = 32,
    TERMS_NEIGHBOURS_MAX = 4096,
};

struct terms {
    /* Owned; ascending, each once; < 1 << TERM_BITS. So the first are those
     * most likely filed. */
    uint32_t *values;
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
/** The terms of items that differ from the print's in one of the upper 28 bits,
 *  without the print's own: for a second try, after terms_for_query() found
 *  nothing. At most TERMS_NEIGHBOURS_MAX: those most likely filed. */
MUST_USE enum status terms_neighbours(struct terms *out,
                                      const struct fingerprint *print,
                                      struct error *err);
void terms_clear(struct terms *terms);

#endif
