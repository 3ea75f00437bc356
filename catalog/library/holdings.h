/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_HOLDINGS_H
#define REFRAIN_CATALOG_LIBRARY_HOLDINGS_H

#include "catalog/id.h"
#include "catalog/redis/redis.h"
#include "matcher/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** All that an account holds, in its library and in its trash: for those who
 *  look after the vault (catalog/upkeep). */

enum { HOLDINGS_PAGE_MAX = 32 }; /* a manifest has 2 to 5 KB, at most 3.5 MB */

/** The ids of all tracks at one moment: whoever moves a track between library
 *  and trash meanwhile, it is there. */
struct holdings {
    char (*track_ids)[ID_SIZE]; /* owned */
    size_t count;
    size_t trash_count; /* those in the trash come first */
};
/** out  the caller's on STATUS_OK: holdings_clear() it. STATUS_NO_MEMORY. */
MUST_USE enum status holdings_list(struct redis *redis, const char *account_id,
                                   struct holdings *out, struct error *err);
void holdings_clear(struct holdings *holdings);

/** One track, as far as the vault is concerned. */
struct holding {
    char track_id[ID_SIZE];
    bool is_there;          /* false: it was purged meanwhile */
    bool is_uploaded;       /* it has audio of its own, so a manifest */
    uint64_t size_bytes;    /* of what is streamed */
    struct buffer manifest; /* owned; sealed; empty: there is none */
};
/** Reads `count` tracks (1..HOLDINGS_PAGE_MAX) by their ids.
 *  holdings  track_id is set, the rest zeroed; buffer_clear() each manifest,
 *            also after an error */
MUST_USE enum status holdings_read(struct redis *redis, const char *account_id,
                                   struct holding *holdings, size_t count,
                                   struct error *err);

/** Forgets what was removed to the trash before `before_ms`, for good; *count
 *  tracks. One that is restored at the same time stays whole, or is gone.
 *  dry_run  counts alone */
MUST_USE enum status holdings_purge(struct redis *redis, const char *account_id,
                                    int64_t before_ms, bool dry_run,
                                    uint64_t *count, struct error *err);

#endif
