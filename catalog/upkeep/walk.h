/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_UPKEEP_WALK_H
#define REFRAIN_CATALOG_UPKEEP_WALK_H

#include "catalog/library/accounts.h"
#include "catalog/vault/keyring.h"
#include "catalog/vault/manifest.h"

#include <stdbool.h>

/** Every account, and every track of each, in the library and in the trash,
 *  with its manifest opened. What is committed while the walk goes on may be
 *  met or not; what was there when it began and is there when it ends is
 *  met. */

struct walk_track {
    const char *account_id;
    const char *track_id;
    bool is_in_trash;
    bool is_uploaded;                /* else it plays the catalog's master */
    uint64_t size_bytes;             /* of what is streamed */
    const struct manifest *manifest; /* NULL: it has none, or see fault */
    /* It has audio of its own and nobody can tell which: why. Else NULL. */
    const struct error *fault;
};

/** Each function but `track` may be NULL; anything but STATUS_OK ends the walk
 *  and is what it returns. What they are given is borrowed for the call.
 *  enter   before an account's tracks are listed
 *  leave   behind its tracks; `account` is as it was before them, `changed`
 *          when its library was changed meanwhile. Not called for an account
 *          that is not there, or cannot be read (its tracks have faults) */
struct walk_visitor {
    void *context;
    enum status (*enter)(void *context, const char *account_id,
                         struct error *err);
    enum status (*track)(void *context, const struct walk_track *track,
                         struct error *err);
    enum status (*leave)(void *context, const struct account *account,
                         bool changed, struct error *err);
};

/** STATUS_UNAVAILABLE "redis_unavailable"; STATUS_NO_MEMORY. */
MUST_USE enum status walk_accounts(struct redis *redis,
                                   const struct keyring *keyring,
                                   const struct walk_visitor *visitor,
                                   struct error *err);

#endif
