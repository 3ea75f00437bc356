/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_TAKEDOWN_H
#define REFRAIN_CATALOG_RELEASES_TAKEDOWN_H

#include "catalog/redis/redis.h"
#include "matcher/status.h"

#include <stddef.h>

/** What the catalog must no longer offer. A recording that is taken down is
 *  found by no query any more; its record, master and sketch stay, because the
 *  libraries that hold it gave their own copy away for it and play on. Loading
 *  its file again brings it back, under a new number.
 *
 *  Cluster keys cannot change together: the print goes first (what has none
 *  cannot be compared, so no query matches it from here on), then its terms,
 *  the number, and last the record's mark. A crash anywhere is healed by doing
 *  it again; a query meanwhile sees the recording or does not. */

/** STATUS_NOT_FOUND "no_recording". Of one that is down already: nothing. */
MUST_USE enum status recording_take_down(struct redis *redis,
                                         const char *recording_id,
                                         struct error *err);

struct taken_down {
    size_t recording_count; /* that no query finds any more */
    size_t kept_count;      /* that other releases have too */
};
/** Takes down a release: it leaves the list, with those of its recordings that
 *  no other release has. Reads all releases once.
 *  STATUS_NOT_FOUND "no_release". */
MUST_USE enum status release_take_down(struct redis *redis,
                                       const char *release_id,
                                       struct taken_down *out,
                                       struct error *err);

#endif
