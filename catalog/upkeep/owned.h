/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_UPKEEP_OWNED_H
#define REFRAIN_CATALOG_UPKEEP_OWNED_H

#include "catalog/vault/crypto.h"
#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Which objects somebody owns: a set of names, 36 bytes each in memory. Add
 *  all, then owned_sort(), then ask. Pure; one thread. */
struct owned_object {
    uint8_t name[SHA256_BYTES];
    uint32_t length_bytes; /* of the plaintext */
};
/** A zeroed struct is an empty set. */
struct owned {
    struct owned_object *objects; /* owned */
    size_t count;
    size_t capacity;
    size_t sorted_count; /* of the first so many each is there once */
};

/** The same name again is fine. STATUS_NO_MEMORY: it was not added. */
MUST_USE enum status owned_add(struct owned *owned,
                               const uint8_t name[SHA256_BYTES],
                               uint32_t length_bytes, struct error *err);
/** After it the objects are in order of name, each once. */
void owned_sort(struct owned *owned);
/** NULL: nobody owns it. The set is sorted: asserted. Borrowed. */
const struct owned_object *owned_find(const struct owned *owned,
                                      const uint8_t name[SHA256_BYTES]);
void owned_clear(struct owned *owned);

#endif
