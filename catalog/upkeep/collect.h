/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_UPKEEP_COLLECT_H
#define REFRAIN_CATALOG_UPKEEP_COLLECT_H

#include "catalog/redis/redis.h"
#include "catalog/upkeep/pins.h"
#include "catalog/vault/keyring.h"
#include "catalog/vault/store.h"

#include <stdbool.h>
#include <stdint.h>

/** The collector: removes the objects that nobody owns. It empties what has
 *  been in the trash for long enough, marks what all manifests name, and goes
 *  through the store: an object that is not marked is condemned, and removed
 *  when it has been so for the grace without a writer having pinned it
 *  (pins.h). catalog/README.md ("upkeep/") says why this loses nothing. */

enum {
    COLLECT_LEASE_MS = 60 * 1000, /* of a collector that died */
    /* What was marked may be out of date by as much: see pins.h. */
    COLLECT_RUN_MAX_MS = PIN_LIFE_MS / 2,
};

struct collect_options {
    const char *region;
    int64_t grace_ms;
    int64_t trash_ms; /* what was removed longer ago is forgotten */
    bool dry_run;     /* counts what would be done and does nothing */
    uint32_t lease_ms;
    int64_t run_max_ms;
};
/** The usual: a grace of a day, a trash of 30. */
struct collect_options collect_defaults(const char *region);

struct collect_counts {
    uint64_t account_count;
    uint64_t track_count;   /* of all, in the trash too */
    uint64_t purged_tracks; /* whose time in the trash was over */
    uint64_t owned_count;   /* objects that manifests name */
    uint64_t seen_count;    /* objects that lie in the store */
    uint64_t seen_bytes;
    uint64_t pinned_count;    /* nobody's yet: being stored */
    uint64_t condemned_count; /* nobody's, and their grace goes on */
    uint64_t removed_count;
    uint64_t removed_bytes;
    uint64_t finished_count; /* removals that an earlier run had begun */
};

/** Where a run is. */
enum collect_step {
    COLLECT_BEGUN,
    COLLECT_ACCOUNT,  /* before an account is read */
    COLLECT_MARKED,   /* all manifests were read */
    COLLECT_BATCH,    /* some are nobody's; next they are condemned */
    COLLECT_DECIDED,  /* some of them are to be removed */
    COLLECT_REMOVING, /* before each removal */
    COLLECT_REMOVED,  /* they are gone; next they are forgotten */
};
/** Is told at each step. Anything but STATUS_OK ends the run there, as its
 *  result. `at` may be NULL. */
struct collect_watch {
    enum status (*at)(void *context, enum collect_step step,
                      const struct collect_counts *counts, struct error *err);
    void *context;
};

/** One run. out is what was done, also after an error.
 *  STATUS_CONFLICT "collecting": another collector works.
 *  STATUS_CORRUPT "manifest_unreadable": of which track of which account;
 *    nothing was removed, since it may be its.
 *  STATUS_UNAVAILABLE "collector_late": it took longer than run_max_ms;
 *    "lease_lost"; what Redis and the store say. What was begun is ended by the
 *    next run. */
MUST_USE enum status collect(struct collect_counts *out, struct redis *redis,
                             const struct keyring *keyring, struct store *store,
                             const struct collect_options *options,
                             const struct collect_watch *watch,
                             struct error *err);

/** When the last run ended (a dry one does not count), by Redis' clock; 0: none
 *  did. */
MUST_USE enum status collect_last(struct redis *redis, const char *region,
                                  int64_t *last_ms, struct error *err);

#endif
