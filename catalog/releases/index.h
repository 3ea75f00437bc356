/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_INDEX_H
#define REFRAIN_CATALOG_RELEASES_INDEX_H

#include "catalog/redis/redis.h"
#include "matcher/terms.h"

#include <stdbool.h>

/** The index: term -> recording numbers. How it is kept: index/README.md; its
 *  bytes: catalog/FORMAT.md.
 *
 *  What is filed or removed goes to a log in Redis and counts from then on for
 *  every query that begins later, in this process or another. A handle keeps
 *  what the log has said since the index was last merged in memory, and follows
 *  it; now and then one of the processes merges it into the segments.
 *
 *  Thread rule: a handle may be used by any number of threads, each with a
 *  Redis connection of its own. */
struct index;

struct index_options {
    const char *address; /* of Redis, for the handle's own thread; copied */
    /* Keep a copy of all segments in memory (300 bytes a recording) instead of
     * asking Redis for the parts that a query needs. */
    bool mirrored;
    /* Merge when it is due. Of several processes that do, one at a time
     * works. */
    bool merge;
    /* How long a segment stays after it was replaced; 0: INDEX_GRACE_MS. Lower
     * for tests only: a query that takes longer has to ask again. */
    uint32_t grace_ms;
};
enum { INDEX_GRACE_MS = 20000 };

/** Needs no Redis yet. index_close() it. */
MUST_USE enum status index_open(struct index **out,
                                const struct index_options *options,
                                struct error *err);
/** NULL is fine. Waits for the segment that is being merged. */
void index_close(struct index *index);

/** Files a recording under its terms. One command: done or not done; twice is
 *  harmless. A number that was removed is never filed again.
 *  STATUS_UNAVAILABLE: maybe filed; file it again. */
MUST_USE enum status index_add(struct redis *redis, uint32_t number,
                               const struct terms *terms, struct error *err);
/** Removes a recording. To replace one by another: file the new one first, then
 *  remove the old, so that every query finds the one or the other.
 *  STATUS_UNAVAILABLE: maybe removed; remove it again. */
MUST_USE enum status index_remove(struct redis *redis, uint32_t number,
                                  struct error *err);

struct candidate {
    uint32_t number;     /* of the recording */
    uint32_t term_count; /* terms shared with the query, of those asked for */
};
enum { CANDIDATES_MAX = 20 };

struct index_query {
    const struct terms *terms; /* borrowed */
    /* Only recordings with a number above: for asking again what came since. */
    uint32_t newer_than;
};
struct index_found {
    /* Best first, with equal counts the lower number first. */
    struct candidate candidates[CANDIDATES_MAX];
    size_t count;
    size_t asked_terms; /* how many terms were looked up */
    bool degraded;      /* parts of the index did not answer */
};

/** The recordings that share most terms with the query. Its lowest
 *  INDEX_FIRST_TERMS are asked for, then more, until one recording is far ahead
 *  or all were that can be filed.
 *  A candidate may be removed between this and the look at its record: who
 *  finds it gone asks again, since what replaced it is in the index by then.
 *  STATUS_UNAVAILABLE: Redis did not answer at all.
 *  STATUS_CORRUPT "index_segment", "index_log": not what is written here. */
MUST_USE enum status index_find(struct index *index, struct redis *redis,
                                const struct index_query *query,
                                struct index_found *out, struct error *err);
enum {
    /* The lowest are the most likely filed: of 236 files of real music, cut
     * between the hops and coded (Opus 32, MP3 128), the 40 lowest terms held
     * 43 % of those that the whole file shared with the original. */
    INDEX_FIRST_TERMS = 40,
    INDEX_TERMS_MAX = 4096,
};

/** Merges now, due or not. STATUS_CONFLICT "index_merging": another process is
 *  at it. STATUS_UNAVAILABLE: some segments may be merged; merge again. */
MUST_USE enum status index_merge(struct index *index, struct redis *redis,
                                 struct error *err);

/** Files all recordings again from their stored fingerprints when Redis has
 *  recordings but neither log nor segments of the index: it was lost, or
 *  written by a program before this layout. *filed: how many, 0 mostly. */
MUST_USE enum status index_restore(struct redis *redis, size_t *filed,
                                   struct error *err);

#endif
