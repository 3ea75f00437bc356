/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/fingerprint.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

/* Whatever the bytes: a bounded fingerprint that packs and unpacks to itself,
 * or a refusal that leaves nothing behind. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fingerprint print;
    struct fingerprint again;
    struct buffer packed = {0};

    if (fingerprint_unpack(&print, bytes, length, NULL) != STATUS_OK) {
        assert(print.items == NULL && print.levels == NULL);
        return 0;
    }
    assert(print.item_count >= 1 && print.item_count <= FINGERPRINT_MAX_ITEMS);
    enum status status = fingerprint_pack(&packed, &print, NULL);
    assert(status == STATUS_OK);
    status = fingerprint_unpack(&again, packed.bytes, packed.length, NULL);
    assert(status == STATUS_OK);
    assert(again.item_count == print.item_count);
    assert(memcmp(again.items, print.items, print.item_count * 4) == 0);
    assert(memcmp(again.levels, print.levels, print.item_count) == 0);
    fingerprint_clear(&print);
    fingerprint_clear(&again);
    buffer_clear(&packed);
    return 0;
}
