/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/seal.h"

#include "matcher/buffer.h"

#include <assert.h>
#include <string.h>

enum {
    FORMAT_VERSION = 1,
    SUITE_AES128_GCM_SHA256 = 1,
    SEGMENT_BITS = 14,
};
_Static_assert(1 << SEGMENT_BITS == SEAL_SEGMENT_BYTES, "log2 in the header");
static const uint8_t MAGIC[4] = {'R', 'F', 'C', 'K'};

static enum status corrupt(struct error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "chunk_corrupt",
                     "a stored chunk %s: restore it from a backup, or upload "
                     "the song again",
                     what);
}

static void write_header(uint8_t out[SEAL_HEADER_BYTES], uint32_t length_bytes)
{
    memset(out, 0, SEAL_HEADER_BYTES);
    memcpy(out, MAGIC, sizeof MAGIC);
    out[4] = FORMAT_VERSION;
    out[5] = SUITE_AES128_GCM_SHA256;
    out[6] = SEGMENT_BITS;
    store_u32le(out + 8, length_bytes);
}

/* Position and whether it is the last, so that no segment can stand in for
 * another one and none can be cut off. */
static void write_nonce(uint8_t out[GCM_NONCE_BYTES], uint32_t length_bytes,
                        uint32_t index)
{
    memset(out, 0, GCM_NONCE_BYTES);
    out[0] = index + 1 == seal_segment_count(length_bytes) ? 1 : 0;
    out[8] = (uint8_t)(index >> 24);
    out[9] = (uint8_t)(index >> 16 & 0xff);
    out[10] = (uint8_t)(index >> 8 & 0xff);
    out[11] = (uint8_t)(index & 0xff);
}

uint32_t seal_segment_count(uint32_t length_bytes)
{
    assert(length_bytes >= 1 && length_bytes <= CHUNKER_MAX_BYTES);
    return (length_bytes + SEAL_SEGMENT_BYTES - 1) / SEAL_SEGMENT_BYTES;
}

size_t seal_object_bytes(uint32_t length_bytes)
{
    return SEAL_HEADER_BYTES + length_bytes +
           (size_t)seal_segment_count(length_bytes) * GCM_TAG_BYTES;
}

size_t seal_segment_bytes(uint32_t length_bytes, uint32_t index)
{
    uint32_t count = seal_segment_count(length_bytes);
    assert(index < count);
    return index + 1 < count ? SEAL_SEGMENT_BYTES
                             : length_bytes - index * SEAL_SEGMENT_BYTES;
}

size_t seal_segment_offset(uint32_t index)
{
    return SEAL_HEADER_BYTES + (size_t)index * SEAL_SEALED_SEGMENT_BYTES;
}

static void derive_key(uint8_t out[AES128_KEY_BYTES],
                       const uint8_t secret[SHA256_BYTES], const uint8_t *plain,
                       size_t length)
{
    uint8_t contents[SHA256_BYTES];
    uint8_t derived[SHA256_BYTES];
    crypto_sha256(contents, plain, length);
    crypto_hmac(derived, secret, SHA256_BYTES, "chunk-key", contents,
                sizeof contents);
    memcpy(out, derived, AES128_KEY_BYTES);
    crypto_wipe(contents, sizeof contents);
    crypto_wipe(derived, sizeof derived);
}

void seal_chunk(uint8_t *object, struct chunk_ref *out,
                const uint8_t secret[SHA256_BYTES], const uint8_t *plain,
                uint32_t length_bytes)
{
    derive_key(out->key, secret, plain, length_bytes);
    out->length_bytes = length_bytes;
    write_header(object, length_bytes);
    struct crypto_gcm *gcm = crypto_gcm_new(out->key, sizeof out->key);
    uint32_t count = seal_segment_count(length_bytes);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t nonce[GCM_NONCE_BYTES];
        size_t bytes = seal_segment_bytes(length_bytes, i);
        uint8_t *sealed = object + seal_segment_offset(i);
        write_nonce(nonce, length_bytes, i);
        crypto_gcm_seal_next(gcm, sealed, sealed + bytes, nonce, object,
                             SEAL_HEADER_BYTES,
                             plain + (size_t)i * SEAL_SEGMENT_BYTES, bytes);
    }
    crypto_gcm_free(gcm);
    crypto_sha256(out->name, object, seal_object_bytes(length_bytes));
}

enum status seal_check_header(const uint8_t header[SEAL_HEADER_BYTES],
                              uint32_t length_bytes, struct error *err)
{
    uint8_t expected[SEAL_HEADER_BYTES];
    write_header(expected, length_bytes);
    if (memcmp(header, expected, sizeof expected) != 0) {
        return corrupt(err, "does not start as it should");
    }
    return STATUS_OK;
}

enum status seal_open_segment(struct crypto_gcm *gcm, uint8_t *out,
                              uint32_t length_bytes, uint32_t index,
                              const uint8_t *sealed,
                              const uint8_t tag[GCM_TAG_BYTES],
                              struct error *err)
{
    uint8_t header[SEAL_HEADER_BYTES];
    uint8_t nonce[GCM_NONCE_BYTES];
    size_t bytes = seal_segment_bytes(length_bytes, index);
    write_header(header, length_bytes);
    write_nonce(nonce, length_bytes, index);
    if (crypto_gcm_open_next(gcm, out, nonce, header, sizeof header, sealed,
                             bytes, tag, NULL) != STATUS_OK) {
        return corrupt(err, "does not verify");
    }
    return STATUS_OK;
}

enum status seal_open_chunk(uint8_t *out, const struct chunk_ref *ref,
                            const uint8_t *object, size_t object_length,
                            struct error *err)
{
    uint8_t name[SHA256_BYTES];
    if (object_length != seal_object_bytes(ref->length_bytes)) {
        return corrupt(err, "has not the length that it should have");
    }
    crypto_sha256(name, object, object_length);
    if (memcmp(name, ref->name, sizeof name) != 0) {
        return corrupt(err, "is not what its name says");
    }
    enum status status = seal_check_header(object, ref->length_bytes, err);
    struct crypto_gcm *gcm = crypto_gcm_new(ref->key, sizeof ref->key);
    uint32_t count = seal_segment_count(ref->length_bytes);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++) {
        const uint8_t *sealed = object + seal_segment_offset(i);
        status = seal_open_segment(
            gcm, out + (size_t)i * SEAL_SEGMENT_BYTES, ref->length_bytes, i,
            sealed, sealed + seal_segment_bytes(ref->length_bytes, i), err);
    }
    crypto_gcm_free(gcm);
    if (status != STATUS_OK) {
        crypto_wipe(out, ref->length_bytes);
    }
    return status;
}
