/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/patch.h"

#include <assert.h>
#include <string.h>

enum {
    SEQUENCE =
        4, /* where in a patch: serial number, sequence number, checksum */
    CHECKSUM = 8,
    /* of 7 bits each: up to 2^35, twice the largest file is 2^33 */
    MAX_DISTANCE_BYTES = PATCH_MAX_CODE_BYTES - PATCH_BYTES,
};

/* The first 8 bytes that a patch behind `last` is expected to have. */
static void expect_next(uint8_t out[CHECKSUM], const struct patch *last)
{
    memcpy(out, last->bytes, SEQUENCE);
    store_u32le(out + SEQUENCE, load_u32le(last->bytes + SEQUENCE) + 1);
}

/* Of a zeroed struct, which is the file's start: 0. */
static uint64_t end_of(const struct patch *patch, bool first)
{
    return first ? 0 : patch->offset + PATCH_BYTES;
}

enum status patch_add(struct buffer *list, struct patch *last,
                      const struct patch *patch, struct error *err)
{
    uint8_t code[PATCH_MAX_CODE_BYTES];
    uint8_t expected[CHECKSUM];
    size_t length = 0;
    uint64_t end = end_of(last, list->length == 0);
    assert(patch->offset >= end);
    assert(patch->offset < UINT64_C(1) << 32);
    assert(list->length <= PATCH_LIST_MAX_BYTES - PATCH_MAX_CODE_BYTES);
    expect_next(expected, last);
    bool whole = memcmp(patch->bytes, expected, CHECKSUM) != 0;
    uint64_t number = (patch->offset - end) << 1 | (whole ? 1 : 0);
    for (; number >= 0x80; number >>= 7) {
        code[length++] = (uint8_t)(number | 0x80);
    }
    code[length++] = (uint8_t)number;
    size_t skip = whole ? 0 : CHECKSUM;
    memcpy(code + length, patch->bytes + skip, PATCH_BYTES - skip);
    length += PATCH_BYTES - skip;
    enum status status = buffer_append(list, code, length, err);
    if (status == STATUS_OK) {
        *last = *patch;
    }
    return status;
}

/* Reads the number at *at; false where it ends in the middle or is too long. */
static bool read_number(const struct patch_cursor *cursor, size_t *at,
                        uint64_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < MAX_DISTANCE_BYTES; i++) {
        if (*at == cursor->length) {
            return false;
        }
        uint8_t byte = cursor->list[(*at)++];
        *out |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

/* Takes the next patch in hand; held is false at the end, and where the list
 * is none (then at < length). */
static void next(struct patch_cursor *cursor)
{
    size_t at = cursor->at;
    uint64_t number = 0;
    struct patch *patch = &cursor->patch;
    uint64_t end = end_of(patch, at == 0);
    cursor->held = false;
    if (!read_number(cursor, &at, &number)) {
        return;
    }
    size_t skip = (number & 1) != 0 ? 0 : CHECKSUM;
    if (cursor->length - at < PATCH_BYTES - skip) {
        return;
    }
    uint8_t expected[CHECKSUM];
    expect_next(expected, patch);
    memcpy(patch->bytes, expected, CHECKSUM);
    memcpy(patch->bytes + skip, cursor->list + at, PATCH_BYTES - skip);
    patch->offset = end + (number >> 1);
    cursor->at = at + PATCH_BYTES - skip;
    cursor->held = true;
}

bool patch_list_valid(const uint8_t *list, size_t length, uint64_t size_bytes)
{
    struct patch_cursor cursor;
    if (length > PATCH_LIST_MAX_BYTES) {
        return false;
    }
    patch_cursor_init(&cursor, list, length);
    while (cursor.held) {
        if (size_bytes < PATCH_BYTES ||
            cursor.patch.offset > size_bytes - PATCH_BYTES) {
            return false;
        }
        next(&cursor);
    }
    return cursor.at == length;
}

void patch_cursor_init(struct patch_cursor *out, const uint8_t *list,
                       size_t length)
{
    *out = (struct patch_cursor){.list = list, .length = length};
    next(out);
}

static void visit(struct patch_cursor *cursor, uint64_t offset, uint8_t *bytes,
                  size_t length, bool restore)
{
    static const uint8_t zeros[PATCH_BYTES];
    const struct patch *patch = &cursor->patch;
    if (offset < cursor->from) {
        patch_cursor_init(cursor, cursor->list, cursor->length);
    }
    while (cursor->held && patch->offset < offset + length) {
        uint64_t end = patch->offset + PATCH_BYTES;
        uint64_t from = patch->offset > offset ? patch->offset : offset;
        uint64_t to = end < offset + length ? end : offset + length;
        if (from < to) {
            memcpy(bytes + (from - offset),
                   (restore ? patch->bytes : zeros) + (from - patch->offset),
                   to - from);
        }
        if (end > offset + length) {
            return; /* its rest belongs to what comes next */
        }
        cursor->from = end;
        next(cursor);
    }
}

void patch_blank(struct patch_cursor *cursor, uint64_t offset, uint8_t *bytes,
                 size_t length)
{
    visit(cursor, offset, bytes, length, false);
}

void patch_restore(struct patch_cursor *cursor, uint64_t offset, uint8_t *bytes,
                   size_t length)
{
    visit(cursor, offset, bytes, length, true);
}
