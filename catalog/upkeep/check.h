/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_UPKEEP_CHECK_H
#define REFRAIN_CATALOG_UPKEEP_CHECK_H

#include "catalog/id.h"
#include "catalog/redis/redis.h"
#include "catalog/vault/keyring.h"
#include "catalog/vault/store.h"

#include <stdbool.h>
#include <stdint.h>

/** Looks whether the vault is as it should be, and changes nothing. Structure:
 *  every manifest opens, every object that one names is there with the right
 *  size, and each account's used_bytes is what its tracks have. With read_data
 *  every object is read too, and its SHA-256 compared with its name, which
 *  takes no key. Songs may come and go meanwhile. */

struct check_options {
    const char *region;
    bool read_data;
    uint32_t max_duration_s; /* of reading; 0: until all was read. What was not
                                read is what the next check begins with */
};

enum check_fault {
    CHECK_UNREADABLE, /* of a track: nobody can tell what its audio is */
    CHECK_MISSING,    /* an object that a manifest names is not there */
    CHECK_SIZE,       /* it is there, with another size */
    CHECK_DAMAGED,    /* its bytes are not those of its name */
    CHECK_TRACK,      /* a track that needs an object of the three before */
    CHECK_QUOTA,      /* an account's used_bytes is wrong */
};
/** A finding; what does not apply is "" or 0. */
struct check_finding {
    enum check_fault fault;
    char object[65]; /* its name, hex */
    const char *account_id;
    const char *track_id;
    uint64_t expected_bytes;
    uint64_t found_bytes;
    const char *text; /* CHECK_UNREADABLE: why */
};

struct check_counts {
    uint64_t account_count;
    uint64_t matched_count;  /* tracks, in the trash too */
    uint64_t matched_bytes;  /* of the masters that they play */
    uint64_t uploaded_count; /* tracks with audio of their own, likewise */
    uint64_t logical_bytes;  /* of it, as it was uploaded */
    uint64_t owned_count;    /* objects that manifests name */
    uint64_t owned_bytes;    /* of those that lie in the store */
    uint64_t seen_count;     /* objects in the store */
    uint64_t seen_bytes;
    uint64_t orphan_count;    /* nobody's, and the collector does not know */
    uint64_t condemned_count; /* nobody's, and the collector knows */
    uint64_t pinned_count;    /* being stored */
    uint64_t read_count;      /* with read_data */
    uint64_t read_bytes;
    bool read_to_end; /* every object was read, by this check or those before */
    /* What is wrong. */
    uint64_t unreadable_count;
    uint64_t missing_count;
    uint64_t size_count;
    uint64_t damaged_count;
    uint64_t track_count;
    uint64_t quota_count;
};
/** Whether anything is wrong. Orphans are not: the collector takes them. */
bool check_is_wrong(const struct check_counts *counts);

/** found  is told of each finding
 *  at     is told now and then how far it is; anything but STATUS_OK ends the
 *         check with that. Both may be NULL */
struct check_watch {
    void (*found)(void *context, const struct check_finding *finding);
    enum status (*at)(void *context, const struct check_counts *counts,
                      struct error *err);
    void *context;
};

/** out is what was seen, also after an error. That something is wrong is no
 *  error. STATUS_UNAVAILABLE: Redis or the store is gone; STATUS_NO_MEMORY. */
MUST_USE enum status check(struct check_counts *out, struct redis *redis,
                           const struct keyring *keyring, struct store *store,
                           const struct check_options *options,
                           const struct check_watch *watch, struct error *err);

#endif
