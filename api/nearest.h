/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_NEAREST_H
#define REFRAIN_API_NEAREST_H

#include "catalog/releases/releases.h"
#include "matcher/verdict.h"

/** The catalog's recordings that are worth comparing with a query: those that
 *  share most terms with it.
 *
 *  How many: the first three always, further ones only while they share at
 *  least half as many terms as the best (measured: the best wrong track of the
 *  lab's catalog shares a median of 1 term, the right one of 19; and ten prints
 *  are more to fetch than the whole look-up). */
enum { NEAREST_FIRST = 3, NEAREST_MAX = 10 };

struct nearest {
    size_t count;           /* of the two arrays */
    size_t candidate_count; /* recordings that shared terms at all */
    struct recording recordings[NEAREST_MAX];
    struct reference references[NEAREST_MAX]; /* owned: nearest_clear() */
};

/** Pure: how many of the candidates to fetch. `term_counts` best first. */
size_t nearest_worth(const uint32_t *term_counts, size_t count);

/** Recordings that were taken down meanwhile are left out.
 *  STATUS_UNAVAILABLE: Redis; STATUS_CORRUPT: a stored fingerprint. */
MUST_USE enum status nearest_find(struct nearest *out, struct redis *redis,
                                  const struct fingerprint *query,
                                  struct error *err);
void nearest_clear(struct nearest *nearest);

#endif
