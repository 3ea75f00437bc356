/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_RANGE_H
#define REFRAIN_API_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/** Byte ranges of RFC 9110 §14 (pure). */

enum range_kind {
    RANGE_WHOLE,         /* no or unusable Range: 200 with everything */
    RANGE_PART,          /* 206 */
    RANGE_UNSATISFIABLE, /* 416 with Content-Range: bytes */
};
struct range {
    enum range_kind kind;
    uint64_t first; /* RANGE_PART: first byte … */
    uint64_t last;  /* … and last, both inclusive */
};
/** header  value of Range, or NULL. One range only: of several, and of other
 *          units or bad syntax, the whole is sent (RFC 9110 §14.2 allows it)
 *  size    of the representation, bytes. */
struct range range_parse(const char *header, uint64_t size);

/** Does an If-Range value allow the range? Strong comparison with `etag`
 *  (quoted); dates never match, since we send no Last-Modified. NULL: yes. */
bool range_if_range(const char *header, const char *etag);
/** Does an If-None-Match list hold `etag` (weak comparison) or "*"? */
bool range_if_none_match(const char *header, const char *etag);

#endif
