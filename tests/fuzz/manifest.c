/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/manifest.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static const uint8_t ACCOUNT_KEY[AES256_KEY_BYTES] = {1, 2, 3};
static const struct manifest_place PLACE = {
    .account_key = ACCOUNT_KEY, .account_id = "acc_1", .track_id = "trk_2"};

/* What was accepted keeps to the bounds, and sealing brings it back. */
static void check_accepted(const struct manifest *manifest)
{
    uint64_t sums[PART_HEADS + 1] = {0};
    struct buffer sealed = {0};
    struct manifest again = {0};
    enum status status = STATUS_OK;
    assert(manifest->part_count <= MANIFEST_MAX_PARTS);
    for (size_t i = 0; i < manifest->part_count; i++) {
        enum part_kind kind = manifest->parts[i].kind;
        uint32_t part_bytes = manifest->parts[i].chunk.length_bytes;
        assert(part_bytes >= 1 && part_bytes <= CHUNKER_MAX_BYTES);
        assert(kind >= PART_SOUND && kind <= PART_HEADS);
        assert(kind == PART_HEADS || sums[PART_HEADS] == 0);
        sums[kind] += part_bytes;
    }
    assert(sums[PART_SOUND] + sums[PART_TAGS] == manifest->parts_bytes);
    assert(manifest->parts_bytes <= manifest->size_bytes);
    assert(manifest->size_bytes <= MANIFEST_MAX_FILE_BYTES);
    assert(sums[PART_HEADS] == manifest->heads_bytes);
    status = manifest_seal(&sealed, manifest, &PLACE, NULL);
    assert(status == STATUS_OK);
    status = manifest_open(&again, sealed.bytes, sealed.length, &PLACE, NULL);
    assert(status == STATUS_OK);
    assert(again.part_count == manifest->part_count);
    assert(again.size_bytes == manifest->size_bytes);
    manifest_clear(&again);
    buffer_clear(&sealed);
}

/* Input: the body of a manifest, as it comes out of the seal. As a sealed
 * manifest the same bytes never open: nobody here knows the key. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct manifest manifest = {0};
    enum status status = manifest_open(&manifest, bytes, length, &PLACE, NULL);
    assert(status == STATUS_CORRUPT);
    if (manifest_parse(&manifest, bytes, length, NULL) == STATUS_OK) {
        check_accepted(&manifest);
    }
    manifest_clear(&manifest);
    return 0;
}
