/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/seal.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t SECRET[SHA256_BYTES] = {7, 7, 7};

/* As a foreign object of every plaintext length that its size allows (at most
 * one): refused, under its right name too, since the key is not known. */
static void open_foreign(const uint8_t *object, size_t length, uint8_t *out)
{
    struct chunk_ref ref = {.key = {1}};
    crypto_sha256(ref.name, object, length);
    for (size_t count = 1; count <= SEAL_MAX_SEGMENTS; count++) {
        size_t extra = SEAL_HEADER_BYTES + count * GCM_TAG_BYTES;
        if (length <= extra || length - extra > CHUNKER_MAX_BYTES) {
            continue;
        }
        ref.length_bytes = (uint32_t)(length - extra);
        if (seal_object_bytes(ref.length_bytes) == length &&
            seal_open_chunk(out, &ref, object, length, NULL) == STATUS_OK) {
            abort();
        }
    }
}

/* As the contents of a chunk: comes back, but not after any change. */
static void seal_and_open(const uint8_t *plain, size_t length, uint8_t *object,
                          uint8_t *out)
{
    struct chunk_ref ref;
    seal_chunk(object, &ref, SECRET, plain, (uint32_t)length);
    size_t object_length = seal_object_bytes((uint32_t)length);
    enum status status =
        seal_open_chunk(out, &ref, object, object_length, NULL);
    assert(status == STATUS_OK);
    assert(memcmp(out, plain, length) == 0);
    /* a place and a bit that the contents choose */
    size_t place =
        (ref.name[0] | (size_t)ref.name[1] << 8 | (size_t)ref.name[2] << 16) %
        object_length;
    object[place] ^= (uint8_t)(1U << (ref.name[3] % 8));
    crypto_sha256(ref.name, object, object_length);
    status = seal_open_chunk(out, &ref, object, object_length, NULL);
    assert(status == STATUS_CORRUPT);
}

/* Cut at the same places however much of the file is at hand. */
static void cut_twice(const uint8_t *bytes, size_t length)
{
    static struct chunker_gear gear;
    static bool ready;
    if (!ready) {
        chunker_gear_init(&gear, SECRET);
        ready = true;
    }
    size_t at = 0;
    while (at < length) {
        size_t cut = chunker_cut(&gear, bytes + at, length - at);
        size_t seen =
            length - at < CHUNKER_MAX_BYTES ? length - at : CHUNKER_MAX_BYTES;
        assert(cut >= 1 && cut <= CHUNKER_MAX_BYTES && cut <= length - at);
        assert(cut >= CHUNKER_MIN_BYTES || cut == length - at);
        assert(cut == chunker_cut(&gear, bytes + at, seen));
        at += cut;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    uint8_t *object = malloc(SEAL_MAX_OBJECT_BYTES);
    uint8_t *out = malloc(CHUNKER_MAX_BYTES);
    if (object != NULL && out != NULL) {
        open_foreign(bytes, length, out);
        cut_twice(bytes, length);
        if (length >= 1 && length <= CHUNKER_MAX_BYTES) {
            seal_and_open(bytes, length, object, out);
        }
    }
    free(object);
    free(out);
    return 0;
}
