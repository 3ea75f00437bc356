/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_INDEX_SEGMENT_H
#define REFRAIN_CATALOG_RELEASES_INDEX_SEGMENT_H

#include "matcher/buffer.h"
#include "matcher/status.h"
#include "matcher/terms.h"

#include <stdbool.h>

/** The bytes of an index segment (pure): catalog/FORMAT.md, "Index segments".
 *
 *  The index is cut into SEGMENTS by the term's place, a second mix of its
 *  bits: of every window the smallest term is filed, so terms themselves crowd
 *  at the low end. A segment is one immutable string: head, stop terms,
 *  lengths of its buckets ("fences"), buckets. Who holds the fences fetches one
 *  bucket of some 150 bytes to answer for a term.
 *
 *  A posting is (the term's place in its segment, number of the recording), one
 *  integer: sorted by it, neighbours lie close, and their gaps are Rice coded:
 *  23 bits a posting at a million recordings as at ten million, because the
 *  gaps shrink as fast as the numbers grow. */

enum {
    SEGMENT_BITS = 12,
    SEGMENT_COUNT = 1 << SEGMENT_BITS,
    SEGMENT_REST_BITS = TERM_BITS - SEGMENT_BITS, /* of a term, in a segment */
    SEGMENT_HEAD_BYTES = 32,
    /* A term that is filed for more recordings says nothing about any of them:
     * a stop term. Measured: without stopping, a query among 100 000 tracks
     * meets 6 858 instead of 814 recordings, and more with every track. */
    SEGMENT_TERM_MAX = 1000,
    /* A bucket's length is 16 bits. */
    SEGMENT_BUCKET_BYTES_MAX = UINT16_MAX,
};

/** Where a term is filed. */
struct place {
    uint32_t segment; /* < SEGMENT_COUNT */
    uint16_t rest;    /* all other bits: with the segment, the term */
};
struct place place_of(uint32_t term);

/** A posting: rest << 32 | number. */
static inline uint64_t posting_of(uint16_t rest, uint32_t number)
{
    return (uint64_t)rest << 32 | number;
}
static inline uint16_t posting_rest(uint64_t posting)
{
    return (uint16_t)(posting >> 32);
}
static inline uint32_t posting_number(uint64_t posting)
{
    return (uint32_t)posting;
}

struct segment_head {
    uint64_t mark; /* of the log: what came up to here is in the segment */
    uint32_t posting_count;
    uint32_t stop_count;
    uint8_t bucket_bits; /* 1 << bucket_bits buckets */
    uint8_t number_bits; /* of the largest number */
    uint8_t rice_bits;   /* of a gap that are written as they are */
};

/** What a reader keeps of a segment. Empty: zeroed, a segment without
 *  postings. */
struct segment_map {
    struct segment_head head;
    uint16_t *stops;   /* owned; rests, ascending */
    uint32_t *offsets; /* owned; of the buckets in the string, and the end */
};

/** postings  ascending, each once, no term with more than SEGMENT_TERM_MAX
 *  stops     ascending, each once; none of them has postings */
MUST_USE enum status segment_write(struct buffer *out, const uint64_t *postings,
                                   size_t posting_count, const uint16_t *stops,
                                   size_t stop_count, uint64_t mark,
                                   struct error *err);

/** Reads a head; `length` may be more. STATUS_CORRUPT "index_segment". */
MUST_USE enum status segment_head_read(struct segment_head *out,
                                       const uint8_t *bytes, size_t length,
                                       struct error *err);
/** Length of head, stop terms and fences: what segment_map_read() needs. */
size_t segment_map_bytes(const struct segment_head *head);
/** bytes, length  the beginning of a segment, or all of it
 *  STATUS_CORRUPT "index_segment"; STATUS_NO_MEMORY. */
MUST_USE enum status segment_map_read(struct segment_map *out,
                                      const uint8_t *bytes, size_t length,
                                      struct error *err);
void segment_map_clear(struct segment_map *map);

/** Length of the whole segment; 0 for an empty map. */
size_t segment_bytes(const struct segment_map *map);
bool segment_is_stop(const struct segment_map *map, uint16_t rest);
/** Which bucket a term is in, and where that lies in the string. */
uint32_t segment_bucket(const struct segment_map *map, uint16_t rest);
static inline uint32_t segment_offset(const struct segment_map *map,
                                      uint32_t bucket)
{
    return map->offsets == NULL ? 0 : map->offsets[bucket];
}
static inline uint32_t segment_length(const struct segment_map *map,
                                      uint32_t bucket)
{
    return map->offsets == NULL
               ? 0
               : map->offsets[bucket + 1] - map->offsets[bucket];
}

/** Numbers that are filed under `rest`: *count of at most SEGMENT_TERM_MAX,
 *  ascending. bytes, length: those of its bucket.
 *  STATUS_CORRUPT "index_segment": not what segment_write() writes. */
MUST_USE enum status segment_numbers(const struct segment_head *head,
                                     uint16_t rest, const uint8_t *bytes,
                                     size_t length,
                                     uint32_t out[SEGMENT_TERM_MAX],
                                     size_t *count, struct error *err);
/** All postings of a whole segment, ascending; free() them.
 *  STATUS_CORRUPT "index_segment"; STATUS_NO_MEMORY. */
MUST_USE enum status segment_postings(uint64_t **out, size_t *count,
                                      const struct segment_map *map,
                                      const uint8_t *bytes, size_t length,
                                      struct error *err);

#endif
