/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_INDEX_DELTA_H
#define REFRAIN_CATALOG_RELEASES_INDEX_DELTA_H

#include "catalog/releases/index/segment.h"

/** What the log has said since the segments were written (no I/O): postings by
 *  segment, and the recordings that were taken down. A zeroed struct is an
 *  empty delta. 14 bytes a posting; asking looks through one segment's, a few
 *  hundred. Marks are places in the log, and only grow. */

struct delta_segment { /* three rows, in the order of the log */
    uint16_t *rests;
    uint32_t *numbers;
    uint64_t *marks;
    size_t count;
    size_t capacity;
};
struct delta_removal {
    uint32_t number;
    uint64_t mark; /* of its first removal */
};
struct delta {
    struct delta_segment segments[SEGMENT_COUNT];
    size_t posting_count;
    struct delta_removal *removals; /* ascending by number */
    size_t removal_count;
    size_t removal_capacity;
};

/** STATUS_NO_MEMORY: nothing was added. */
MUST_USE enum status delta_add(struct delta *delta, struct place place,
                               uint32_t number, uint64_t mark,
                               struct error *err);
MUST_USE enum status delta_remove(struct delta *delta, uint32_t number,
                                  uint64_t mark, struct error *err);
/** Whether it was removed up to `mark`. */
bool delta_is_removed(const struct delta *delta, uint32_t number,
                      uint64_t mark);

/** Numbers that were filed under the term, each once and ascending. Filed more
 *  than SEGMENT_TERM_MAX times, it is a stop term: *count is DELTA_NUMBERS_MAX
 *  then, and not all numbers are there. */
enum { DELTA_NUMBERS_MAX = SEGMENT_TERM_MAX + 1 };
void delta_numbers(const struct delta *delta, struct place place,
                   uint32_t out[DELTA_NUMBERS_MAX], size_t *count);

/** Copies a segment's postings up to `mark`, as they came; free() them. */
MUST_USE enum status delta_postings(uint64_t **out, size_t *count,
                                    const struct delta *delta, uint32_t segment,
                                    uint64_t mark, struct error *err);
/** Numbers that were removed up to `mark`, ascending; free() them. */
MUST_USE enum status delta_removals(uint32_t **out, size_t *count,
                                    const struct delta *delta, uint64_t mark,
                                    struct error *err);

/** The segment holds all up to `mark` now. */
void delta_forget(struct delta *delta, uint32_t segment, uint64_t mark);
/** All segments do: what was removed up to there has no posting left. */
void delta_forget_removals(struct delta *delta, uint64_t mark);
void delta_clear(struct delta *delta);

#endif
