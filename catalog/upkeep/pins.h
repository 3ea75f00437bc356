/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_UPKEEP_PINS_H
#define REFRAIN_CATALOG_UPKEEP_PINS_H

#include "catalog/redis/redis.h"
#include "catalog/vault/vault.h"

#include <stdint.h>

/** A writer's side of the agreement with the collector (collect.h): objects
 *  that it stores, or finds stored, are pinned before it relies on them. Pins
 *  end by time alone, never at the commit: a collector that read the manifests
 *  before that commit must still see them. So
 *
 *   - a manifest is committed within half a pin's life after its first pin,
 *     less an hour by which the clocks of a cluster's nodes may differ
 *     (upload_outcome.kept_until_ms makes the commit's script see to that),
 *   - a collector gives up after half a pin's life.
 *
 *  All times are of Redis' clock. */

/** The one store has what all regions keep. */
#define UPKEEP_REGION "default"

enum {
    PIN_LIFE_MS = 24 * 60 * 60 * 1000,
    PIN_CLOCKS_MS = 60 * 60 * 1000,
    /* For an object that is being removed: that takes milliseconds, unless the
     * collector died; the next one sees to it then. */
    PIN_WAIT_MAX_MS = 20 * 1000,
};

/** One writer of one file; starts with pins_init(), nothing to free. */
struct pins {
    struct redis *redis; /* borrowed */
    const char *region;  /* borrowed; whose store it is */
    int64_t first_ms;    /* when the first was pinned; 0: none */
    uint32_t wait_max_ms;
};
void pins_init(struct pins *out, struct redis *redis, const char *region);

/** What vault_put() takes; borrows `pins`. Its pin() waits while an object is
 *  being removed, and gives up with STATUS_UNAVAILABLE "vault_busy". */
struct vault_guard pins_guard(struct pins *pins);

/** Until when what was pinned may be committed; 0: nothing was. */
int64_t pins_until_ms(const struct pins *pins);

#endif
