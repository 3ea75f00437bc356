/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_INDEX_VOTES_H
#define REFRAIN_CATALOG_RELEASES_INDEX_VOTES_H

#include "catalog/releases/index.h"

#include <stdbool.h>

/** Counting how many terms each recording shares with a query (no I/O): open
 *  addressing, number -> count. A zeroed struct is empty. */
struct vote {
    uint32_t number;
    uint32_t count; /* 0: the slot is free */
};
struct votes {
    struct vote *slots; /* owned; slot_count of them, a power of two */
    size_t slot_count;
    size_t used;
};

MUST_USE enum status votes_add(struct votes *votes, uint32_t number,
                               struct error *err);
/** The recordings with most votes, best first, with equal counts the lower
 *  number first; those that `is_out` says are out are left out. Returns how
 *  many. */
size_t votes_best(const struct votes *votes,
                  bool (*is_out)(const void *context, uint32_t number),
                  const void *context, struct candidate out[CANDIDATES_MAX]);
void votes_clear(struct votes *votes);

#endif
