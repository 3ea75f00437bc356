/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_NEAREST_H
#define REFRAIN_API_NEAREST_H

#include "api/log.h"
#include "catalog/library/library.h"
#include "catalog/releases/index.h"
#include "catalog/releases/releases.h"
#include "matcher/decoder/pool.h"
#include "matcher/verdict.h"

/** The catalog's recordings that are worth comparing with a query: those that
 *  share most terms with it.
 *
 *  How many: the first three, further ones only while they share at least half
 *  as many terms as the best (measured: the best wrong track of the lab's
 *  catalog shares a median of 1 term, the right one of 19; and ten prints are
 *  more to fetch than the whole look-up). In a large catalog many share one
 *  term by chance, enough to fill the list: which of those come second and
 *  third is luck, and they are left out. Few terms alone are no
 *  reason to leave the second out: an edition that lies half a hop beside the
 *  query shares 8 of the first 40 (median of 53 songs; one shares 1). */
enum { NEAREST_FIRST = 3, NEAREST_MAX = 10 };

struct nearest {
    size_t count;           /* of the two arrays */
    size_t candidate_count; /* recordings that shared terms at all */
    bool degraded;          /* parts of the index did not answer */
    struct recording recordings[NEAREST_MAX];
    struct reference references[NEAREST_MAX]; /* owned: nearest_clear() */
};

/** Pure: how many of the candidates to fetch. `term_counts` best first. */
size_t nearest_worth(const uint32_t *term_counts, size_t count);

struct nearest_query {
    struct index *index;
    struct redis *redis; /* the calling thread's */
    const struct fingerprint *print;
    /* ATTEMPT_FIRST: by its own terms; ATTEMPT_NEIGHBOURS: by those that are
     * one bit off, for when its own found nothing. */
    enum attempt attempt;
    uint32_t newer_than; /* only recordings with a number above; 0: all */
};
/** Recordings that were taken down meanwhile are left out, and what replaced
 *  them is found.
 *  STATUS_UNAVAILABLE: Redis; STATUS_CORRUPT: a stored fingerprint, or the
 *  index. */
MUST_USE enum status nearest_find(struct nearest *out,
                                  const struct nearest_query *query,
                                  struct error *err);
void nearest_clear(struct nearest *nearest);

/** Where more of the references comes from. */
struct nearest_masters {
    const struct nearest *nearest; /* borrowed */
    const char *masters_folder;    /* DIR/masters */
    struct decoder_pool *decoders; /* another pool than the query's */
    struct log *log;               /* what had to be drawn anew */
};
/** The references' sketches and masters for decoder_match(), as pool.h asks for
 *  them; `masters` is borrowed for as long as the source is used. A sketch that
 *  is missing or damaged is drawn anew from the master, and stored. Thread-safe
 *  among different `masters`. */
struct reference_source nearest_source(struct nearest_masters *masters);

#endif
