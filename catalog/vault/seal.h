/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_SEAL_H
#define REFRAIN_CATALOG_VAULT_SEAL_H

#include "catalog/vault/chunker.h"
#include "catalog/vault/crypto.h"
#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** The bytes of a stored chunk: a header of 16 bytes, then segments of 16 KiB
 *  (the last may be shorter), each followed by its AES-128-GCM tag, so that
 *  any one segment opens without the others. Offset table: catalog/FORMAT.md.
 *
 *  The key comes from the contents and the region's secret. One key therefore
 *  belongs to one plaintext, which alone makes the fixed nonces safe: never use
 *  such a key for anything else. Pure; thread-safe. */

enum {
    SEAL_HEADER_BYTES = 16,
    SEAL_SEGMENT_BYTES = 16384, /* plaintext; measured: a seek in 16 KiB
                                   segments costs 0.3 ms, in whole chunks 2 */
    SEAL_SEALED_SEGMENT_BYTES = SEAL_SEGMENT_BYTES + GCM_TAG_BYTES,
    SEAL_MAX_SEGMENTS = CHUNKER_MAX_BYTES / SEAL_SEGMENT_BYTES,
    SEAL_MAX_OBJECT_BYTES =
        SEAL_HEADER_BYTES + SEAL_MAX_SEGMENTS * SEAL_SEALED_SEGMENT_BYTES,
};

/** All that is needed to find a chunk and to open it. Secret. */
struct chunk_ref {
    uint8_t name[SHA256_BYTES]; /* SHA-256 of the object */
    uint8_t key[AES128_KEY_BYTES];
    uint32_t length_bytes; /* of the plaintext, 1..CHUNKER_MAX_BYTES */
};

/** Sizes that follow from a chunk's plaintext length. */
size_t seal_object_bytes(uint32_t length_bytes);
uint32_t seal_segment_count(uint32_t length_bytes);
/** Plaintext bytes of segment `index`; the sealed ones follow by the tag. */
size_t seal_segment_bytes(uint32_t length_bytes, uint32_t index);
/** Where segment `index` starts in the object. */
size_t seal_segment_offset(uint32_t index);

/** Seals a chunk.
 *  object  room for seal_object_bytes(length)
 *  out     its name, key and length
 *  length  1..CHUNKER_MAX_BYTES
 *  key = first 16 bytes of HMAC-SHA-256(secret, "chunk-key\0" ‖
 *  SHA-256(plain)). */
void seal_chunk(uint8_t *object, struct chunk_ref *out,
                const uint8_t secret[SHA256_BYTES], const uint8_t *plain,
                uint32_t length_bytes);

/** Is this how the object of a chunk of that length starts?
 *  STATUS_CORRUPT "chunk_corrupt". */
MUST_USE enum status seal_check_header(const uint8_t header[SEAL_HEADER_BYTES],
                                       uint32_t length_bytes,
                                       struct error *err);

/** Opens one segment.
 *  gcm     set up with the chunk's key
 *  out     seal_segment_bytes(length_bytes, index) bytes; wiped on error
 *  sealed  as many, from seal_segment_offset(index) on; may be `out`
 *  tag     what follows them in the object
 *  STATUS_CORRUPT "chunk_corrupt". */
MUST_USE enum status seal_open_segment(struct crypto_gcm *gcm, uint8_t *out,
                                       uint32_t length_bytes, uint32_t index,
                                       const uint8_t *sealed,
                                       const uint8_t tag[GCM_TAG_BYTES],
                                       struct error *err);

/** Opens a whole object, the name checked too.
 *  out  ref->length_bytes bytes; wiped on error
 *  STATUS_CORRUPT "chunk_corrupt". */
MUST_USE enum status seal_open_chunk(uint8_t *out, const struct chunk_ref *ref,
                                     const uint8_t *object,
                                     size_t object_length, struct error *err);

#endif
