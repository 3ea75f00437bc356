/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/manifest.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    FORMAT_VERSION = 2,
    FORMAT_VERSION_UNSPLIT = 1, /* the same, with parts of PART_SOUND alone */
    VERSION_OFFSET = 4,
    SUITE_AES256_GCM = 1,
    HEADER_BYTES = 8,
    NONCE_OFFSET = HEADER_BYTES,
    BODY_OFFSET = NONCE_OFFSET + GCM_NONCE_BYTES,
    BODY_FIXED_BYTES = 16,
    PARTS_FIRST = 16, /* capacity: a song has about 20 */
};
_Static_assert(BODY_OFFSET + BODY_FIXED_BYTES + GCM_TAG_BYTES <=
                   MANIFEST_MAX_SEALED_BYTES -
                       MANIFEST_MAX_PARTS * MANIFEST_PART_BYTES,
               "what is added to the parts");
static const uint8_t HEADER[HEADER_BYTES] = {
    'R', 'F', 'M', 'N', FORMAT_VERSION, SUITE_AES256_GCM, 0, 0};

static enum status corrupt(struct error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "manifest",
                     "the list of a stored song's chunks %s: restore the "
                     "library from a backup, or upload the song again",
                     what);
}

static enum status make_room(struct manifest *manifest, struct error *err)
{
    if (manifest->part_count < manifest->part_capacity) {
        return STATUS_OK;
    }
    size_t capacity = manifest->part_capacity == 0
                          ? PARTS_FIRST
                          : manifest->part_capacity * 2;
    /* not realloc(): it would leave keys behind in the old place */
    struct manifest_part *parts = calloc(capacity, sizeof *parts);
    if (parts == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot hold a list of %zu chunks", capacity);
    }
    size_t used_bytes = manifest->part_count * sizeof *parts;
    if (used_bytes > 0) {
        memcpy(parts, manifest->parts, used_bytes);
        crypto_wipe(manifest->parts, used_bytes);
    }
    free(manifest->parts);
    manifest->parts = parts;
    manifest->part_capacity = capacity;
    return STATUS_OK;
}

enum status manifest_add(struct manifest *manifest, enum part_kind kind,
                         const struct chunk_ref *chunk, struct error *err)
{
    assert(chunk->length_bytes >= 1);
    assert(chunk->length_bytes <= CHUNKER_MAX_BYTES);
    bool heads = kind == PART_HEADS;
    assert(heads || manifest->heads_bytes == 0);
    if (manifest->part_count == MANIFEST_MAX_PARTS ||
        (heads ? manifest->heads_bytes + chunk->length_bytes > HEADS_MAX_BYTES
               : manifest->size_bytes + chunk->length_bytes >
                     MANIFEST_MAX_FILE_BYTES)) {
        return error_set(err, STATUS_LIMIT, "too_large",
                         "the file is over 4 GiB: upload it in parts");
    }
    enum status status = make_room(manifest, err);
    if (status == STATUS_OK) {
        manifest->parts[manifest->part_count] =
            (struct manifest_part){.kind = kind, .chunk = *chunk};
        manifest->part_count++;
        manifest->heads_bytes += heads ? chunk->length_bytes : 0;
        manifest->parts_bytes += heads ? 0 : chunk->length_bytes;
        manifest->size_bytes += heads ? 0 : chunk->length_bytes;
    }
    return status;
}

void manifest_clear(struct manifest *manifest)
{
    crypto_wipe(manifest->parts,
                manifest->part_count * sizeof *manifest->parts);
    free(manifest->parts);
    *manifest = (struct manifest){0};
}

static void write_body(uint8_t *out, const struct manifest *manifest)
{
    store_u64le(out, manifest->size_bytes);
    store_u32le(out + 8, (uint32_t)manifest->part_count);
    store_u32le(out + 12, manifest->secret_version);
    uint8_t *at = out + BODY_FIXED_BYTES;
    for (size_t i = 0; i < manifest->part_count; i++) {
        const struct manifest_part *part = &manifest->parts[i];
        at[0] = (uint8_t)part->kind;
        store_u32le(at + 1, part->chunk.length_bytes);
        memcpy(at + 5, part->chunk.key, AES128_KEY_BYTES);
        memcpy(at + 5 + AES128_KEY_BYTES, part->chunk.name, SHA256_BYTES);
        at += MANIFEST_PART_BYTES;
    }
}

static enum status parse_part(struct manifest *out, const uint8_t *at,
                              struct error *err)
{
    struct chunk_ref chunk = {.length_bytes = load_u32le(at + 1)};
    if (at[0] < PART_SOUND || at[0] > PART_HEADS) {
        return corrupt(err, "has a part of an unknown kind");
    }
    if (at[0] != PART_HEADS && out->heads_bytes > 0) {
        return corrupt(err, "has parts in an impossible order");
    }
    if (chunk.length_bytes < 1 || chunk.length_bytes > CHUNKER_MAX_BYTES) {
        return corrupt(err, "has a chunk of an impossible length");
    }
    memcpy(chunk.key, at + 5, AES128_KEY_BYTES);
    memcpy(chunk.name, at + 5 + AES128_KEY_BYTES, SHA256_BYTES);
    enum status status = manifest_add(out, (enum part_kind)at[0], &chunk, err);
    crypto_wipe(&chunk, sizeof chunk);
    return status == STATUS_LIMIT ? corrupt(err, "is too long") : status;
}

enum status manifest_parse(struct manifest *out, const uint8_t *body,
                           size_t length, struct error *err)
{
    *out = (struct manifest){0};
    if (length < BODY_FIXED_BYTES) {
        return corrupt(err, "is cut short");
    }
    uint64_t size_bytes = load_u64le(body);
    uint32_t count = load_u32le(body + 8);
    uint32_t secret_version = load_u32le(body + 12);
    if (count > MANIFEST_MAX_PARTS || secret_version > UINT8_MAX ||
        length != BODY_FIXED_BYTES + (size_t)count * MANIFEST_PART_BYTES) {
        return corrupt(err, "has impossible figures");
    }
    enum status status = STATUS_OK;
    out->secret_version = (uint8_t)secret_version;
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++) {
        status = parse_part(
            out, body + BODY_FIXED_BYTES + (size_t)i * MANIFEST_PART_BYTES,
            err);
    }
    /* heads of pages are in the size and in no part */
    if (status == STATUS_OK &&
        (size_bytes < out->parts_bytes ||
         size_bytes > MANIFEST_MAX_FILE_BYTES ||
         (size_bytes > out->parts_bytes && out->heads_bytes == 0))) {
        status = corrupt(err, "does not add up to the song's size");
    }
    out->size_bytes = size_bytes;
    if (status != STATUS_OK) {
        manifest_clear(out);
    }
    return status;
}

static void derive_key(uint8_t out[AES256_KEY_BYTES],
                       const struct manifest_place *place)
{
    _Static_assert(AES256_KEY_BYTES == SHA256_BYTES, "an HMAC is the key");
    crypto_hmac(out, place->account_key, AES256_KEY_BYTES, "manifest", "", 0);
}

/* header ‖ account id ‖ 0 ‖ track id ‖ 0: what is authenticated but not in the
 * body. The zero bytes keep ("ab", "c") and ("a", "bc") apart. */
static enum status make_aad(struct buffer *out, const uint8_t *header,
                            const struct manifest_place *place,
                            struct error *err)
{
    enum status status = buffer_append(out, header, HEADER_BYTES, err);
    if (status == STATUS_OK) {
        status = buffer_append(out, place->account_id,
                               strlen(place->account_id) + 1, err);
    }
    if (status == STATUS_OK) {
        status = buffer_append(out, place->track_id,
                               strlen(place->track_id) + 1, err);
    }
    return status;
}

enum status manifest_seal(struct buffer *out, const struct manifest *manifest,
                          const struct manifest_place *place, struct error *err)
{
    size_t body_length =
        BODY_FIXED_BYTES + manifest->part_count * MANIFEST_PART_BYTES;
    size_t sealed_length = BODY_OFFSET + body_length + GCM_TAG_BYTES;
    uint8_t key[AES256_KEY_BYTES] = {0};
    struct buffer aad = {0};
    enum status status = make_aad(&aad, HEADER, place, err);
    if (status == STATUS_OK) {
        status = buffer_reserve(out, sealed_length, err);
    }
    if (status != STATUS_OK) {
        goto out;
    }
    uint8_t *at = out->bytes + out->length;
    uint8_t *body = at + BODY_OFFSET;
    memcpy(at, HEADER, sizeof HEADER);
    crypto_random(at + NONCE_OFFSET, GCM_NONCE_BYTES);
    write_body(body, manifest);
    derive_key(key, place);
    crypto_gcm_seal(body, body + body_length, key, sizeof key,
                    at + NONCE_OFFSET, aad.bytes, aad.length, body,
                    body_length);
    out->length += sealed_length;
    out->bytes[out->length] = '\0';
out:
    crypto_wipe(key, sizeof key);
    buffer_clear(&aad);
    return status;
}

/* Decrypts the body into `plain`. */
static enum status unseal(struct buffer *plain, const uint8_t *sealed,
                          size_t body_length,
                          const struct manifest_place *place, struct error *err)
{
    uint8_t key[AES256_KEY_BYTES] = {0};
    struct buffer aad = {0};
    const uint8_t *body = sealed + BODY_OFFSET;
    enum status status = make_aad(&aad, sealed, place, err);
    if (status == STATUS_OK) {
        status = buffer_reserve(plain, body_length, err);
    }
    if (status != STATUS_OK) {
        goto out;
    }
    derive_key(key, place);
    if (crypto_gcm_open(plain->bytes, key, sizeof key, sealed + NONCE_OFFSET,
                        aad.bytes, aad.length, body, body_length,
                        body + body_length, NULL) != STATUS_OK) {
        status = corrupt(err, "does not verify");
        goto out;
    }
    plain->length = body_length;
out:
    crypto_wipe(key, sizeof key);
    buffer_clear(&aad);
    return status;
}

enum status manifest_open(struct manifest *out, const void *sealed,
                          size_t length, const struct manifest_place *place,
                          struct error *err)
{
    *out = (struct manifest){0};
    if (length < BODY_OFFSET + BODY_FIXED_BYTES + GCM_TAG_BYTES ||
        length > MANIFEST_MAX_SEALED_BYTES) {
        return corrupt(err, "has an impossible length");
    }
    uint8_t header[HEADER_BYTES];
    memcpy(header, sealed, sizeof header);
    if (header[VERSION_OFFSET] == FORMAT_VERSION_UNSPLIT) {
        header[VERSION_OFFSET] = FORMAT_VERSION;
    }
    if (memcmp(header, HEADER, sizeof HEADER) != 0) {
        return corrupt(err, "is of a form that is not known here");
    }
    struct buffer plain = {0};
    size_t body_length = length - BODY_OFFSET - GCM_TAG_BYTES;
    enum status status = unseal(&plain, sealed, body_length, place, err);
    if (status == STATUS_OK) {
        status = manifest_parse(out, plain.bytes, plain.length, err);
    }
    buffer_wipe(&plain);
    return status;
}
