/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_TRACK_CHANGE_H
#define REFRAIN_CATALOG_LIBRARY_TRACK_CHANGE_H

#include "catalog/redis/keys.h"
#include "catalog/redis/redis.h"

/** A script that changes one track of a library, and what all of these take:
 *  the keys that it names, and as arguments account id, channel, length of the
 *  change log, track id; then its own. */
struct track_change {
    const struct redis_script *script;
    const enum account_key *keys; /* in the script's order */
    size_t key_count;             /* at most TRACK_CHANGE_KEYS_MAX */
    const struct redis_arg *more; /* its own arguments; borrowed */
    size_t more_count;
};
enum { TRACK_CHANGE_KEYS_MAX = 8 };

/** Runs it. Keys of single tracks are this track's.
 *  STATUS_NOT_FOUND "no_track": track_id is none, or the script says so. */
MUST_USE enum status
track_change_run(struct redis *redis, const char *account_id,
                 const char *track_id, const struct track_change *change,
                 struct redis_reply **reply, struct error *err);

#endif
