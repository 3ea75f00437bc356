/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_CHUNKER_H
#define REFRAIN_CATALOG_VAULT_CHUNKER_H

#include "catalog/vault/crypto.h"

#include <stddef.h>
#include <stdint.h>

/** Where a span of a file is cut: FastCDC with normalised chunking, level 2
 * (Xia et al., USENIX ATC 2016). A cut depends on the 64 bytes before it alone,
 * so bytes put in or taken out change the chunks around them and no others.
 *
 *  The table that decides is made from the region's secret: the lengths of
 *  chunks can be seen in the store, and with a public table whoever has a song
 *  could compute its lengths and look for them. (This raises the price of that
 *  search; it is no proof against it: the secret can be attacked by someone who
 *  stores chosen files and sees which chunks are theirs.) Pure; thread-safe. */

enum {
    CHUNKER_MIN_BYTES = 64 * 1024,
    CHUNKER_NORMAL_BYTES = 256 * 1024, /* where cuts become likely */
    CHUNKER_MAX_BYTES = 1024 * 1024,
};

/** One 64-bit number for each value of a byte. Secret: crypto_wipe() it. */
struct chunker_gear {
    uint64_t values[256];
};

/** values[4 i + j] = bytes 8 j .. 8 j + 7, little-endian, of
 *  HMAC-SHA-256(secret, "gear\0" ‖ byte i), for i 0..63 and j 0..3. */
void chunker_gear_init(struct chunker_gear *out,
                       const uint8_t secret[SHA256_BYTES]);

/** The length of the first chunk of `bytes`: 1..CHUNKER_MAX_BYTES, under
 *  CHUNKER_MIN_BYTES only when `length` is.
 *  length  1 or more; fewer than CHUNKER_MAX_BYTES only when the span ends
 *          there, else the cut would depend on how the file was read. */
size_t chunker_cut(const struct chunker_gear *gear, const uint8_t *bytes,
                   size_t length);

#endif
