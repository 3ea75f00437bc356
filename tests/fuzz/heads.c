/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/heads.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

enum { FILE_BYTES = 4096 };

/* Bytes of all heads; more than the file when the list is none. */
static uint64_t sum_of(const uint8_t *bytes, size_t length)
{
    struct heads_cursor cursor;
    heads_cursor_init(&cursor, bytes, length);
    return heads_before(&cursor, UINT64_MAX);
}

/* Input: a list of heads. With one that is accepted for a small file, the file
 * is the same however it is read, and without them what it was. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    uint8_t packets[FILE_BYTES];
    uint8_t whole[FILE_BYTES];
    uint8_t piece[FILE_BYTES];
    struct heads_cursor cursor;
    uint64_t removed = sum_of(bytes, length);
    if (!heads_valid(bytes, length, FILE_BYTES, removed)) {
        return 0;
    }
    size_t kept = FILE_BYTES - (size_t)removed;
    for (size_t i = 0; i < FILE_BYTES; i++) {
        packets[i] = (uint8_t)(i * 7);
    }
    memcpy(whole + removed, packets, kept);
    heads_cursor_init(&cursor, bytes, length);
    heads_put_in(&cursor, 0, whole, FILE_BYTES, kept);
    size_t step = 1 + length % 61;
    for (size_t at = 0; at < FILE_BYTES; at += step) {
        size_t rest = FILE_BYTES - at;
        size_t size = rest < step ? rest : step;
        uint64_t before = heads_before(&cursor, at);
        struct heads_cursor end = cursor;
        size_t within = (size_t)(heads_before(&end, at + size) - before);
        assert(within <= size);
        memcpy(piece + within, packets + (at - before), size - within);
        heads_put_in(&cursor, at, piece, size, size - within);
        assert(memcmp(piece, whole + at, size) == 0);
        size_t part = heads_take_out(&cursor, at, piece, size);
        assert(part == size - within);
        assert(memcmp(piece, packets + (at - before), size - within) == 0);
    }
    size_t left = heads_take_out(&cursor, 0, whole, FILE_BYTES);
    assert(left == kept);
    assert(memcmp(whole, packets, kept) == 0);
    return 0;
}
