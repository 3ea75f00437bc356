/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_INDEX_H
#define REFRAIN_CATALOG_RELEASES_INDEX_H

#include "catalog/redis/redis.h"
#include "matcher/terms.h"

/** The index: term -> recording numbers. Its byte format is known in index.c
 *  and catalog/FORMAT.md only, its key in catalog/redis/keys.c.
 *
 *  Stop rule: a term that is filed for more than INDEX_TERM_RECORDINGS_MAX
 *  recordings says nothing about any of them and gets no vote (measured:
 *  without it a query of 100 000 tracks meets 6 858 instead of 814
 *  recordings, and more with every track). A bucket is read up to
 *  INDEX_BUCKET_BYTES_MAX: 30 times what it holds at a million recordings, so
 *  that only a bucket with such a term in it can be longer. */

struct candidate {
    uint32_t number;     /* of the recording */
    uint32_t term_count; /* terms shared with the query */
};
enum {
    CANDIDATES_MAX = 20,
    INDEX_TERM_RECORDINGS_MAX = 1000,
    INDEX_BUCKET_BYTES_MAX = 5 * 42 * 1000, /* whole postings */
};

/** Files a recording under its terms. Filing it twice is harmless: a posting
 *  counts once. STATUS_UNAVAILABLE: some terms may be filed; file it again. */
MUST_USE enum status index_add(struct redis *redis, uint32_t number,
                               const struct terms *terms, struct error *err);
/** The recordings that share most terms with the query, best first: *count of
 *  at most CANDIDATES_MAX, with equal counts the lower number first.
 *  STATUS_CORRUPT "index_bucket": not what index_add() writes. */
MUST_USE enum status index_find(struct redis *redis, const struct terms *query,
                                struct candidate out[CANDIDATES_MAX],
                                size_t *count, struct error *err);

#endif
