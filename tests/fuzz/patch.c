/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/patch.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

enum { FILE_BYTES = 4096 };

/* Input: a list of patches. One that is accepted for a small file changes
 * nothing outside of it, and however the file is read the result is the same.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    uint8_t whole[FILE_BYTES] = {0};
    uint8_t pieces[FILE_BYTES] = {0};
    struct patch_cursor cursor;
    if (!patch_list_valid(bytes, length, FILE_BYTES)) {
        return 0;
    }
    patch_cursor_init(&cursor, bytes, length);
    patch_restore(&cursor, 0, whole, sizeof whole);
    size_t step = 1 + length % 61;
    for (size_t at = 0; at < FILE_BYTES; at += step) {
        size_t rest = FILE_BYTES - at;
        patch_restore(&cursor, at, pieces + at, rest < step ? rest : step);
    }
    assert(memcmp(whole, pieces, sizeof whole) == 0);
    for (size_t end = FILE_BYTES; end > 0; end -= end < step ? end : step) {
        size_t from = end < step ? 0 : end - step;
        patch_blank(&cursor, from, pieces + from, end - from);
    }
    for (size_t at = 0; at < FILE_BYTES; at++) {
        assert(pieces[at] == 0);
    }
    return 0;
}
