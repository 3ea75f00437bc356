/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/heads.h"

#include <assert.h>
#include <string.h>

/* Where things are in a head. */
enum {
    FLAGS = 5,
    GRANULE = 6,
    SERIAL = 14,
    NUMBER = 18,
    CHECKSUM = 22,
    SEGMENTS = 26,
};
enum {
    MAX_DISTANCE_BYTES =
        5, /* of 7 bits: 2^35, twice the largest file is 2^33 */
    MAX_GRANULE_BYTES = 10, /* of 7 bits: 2^70 */
};
static const uint8_t CAPTURE[FLAGS] = {'O', 'g', 'g', 'S', 0};

static uint64_t end_of(const struct head *head)
{
    return head->offset + head->length;
}

/* The head that is expected behind `last`: the stream's next page. */
static void expect_next(uint8_t out[CHECKSUM], const struct head *last)
{
    memcpy(out, CAPTURE, sizeof CAPTURE);
    memcpy(out + FLAGS, last->bytes + FLAGS, NUMBER - FLAGS);
    store_u32le(out + NUMBER, load_u32le(last->bytes + NUMBER) + 1);
}

/* --- into the list ----------------------------------------------------------
 */

static size_t write_number(uint8_t *out, uint64_t number)
{
    size_t length = 0;
    for (; number >= 0x80; number >>= 7) {
        out[length++] = (uint8_t)(number | 0x80);
    }
    out[length++] = (uint8_t)number;
    return length;
}

/* Granule positions mostly grow; -1 says that no packet ends in the page. As a
 * distance, its sign in the lowest bit. */
static uint64_t code_distance(uint64_t from, uint64_t to)
{
    uint64_t distance = to - from;
    return distance >> 63 == 0 ? distance << 1 : ~(distance << 1);
}

static uint64_t decode_distance(uint64_t from, uint64_t code)
{
    return from + ((code & 1) == 0 ? code >> 1 : ~(code >> 1));
}

enum status heads_add(struct buffer *list, struct head *last,
                      const struct head *head, struct error *err)
{
    uint8_t code[HEAD_MAX_CODE_BYTES];
    uint8_t expected[CHECKSUM];
    assert(head->offset >= end_of(last));
    assert(head->offset < UINT64_C(1) << 32);
    assert(head->length == (size_t)HEAD_FIXED_BYTES + head->bytes[SEGMENTS]);
    assert(list->length <= HEADS_MAX_BYTES - HEAD_MAX_CODE_BYTES);
    expect_next(expected, last);
    bool whole =
        memcmp(head->bytes, expected, FLAGS) != 0 ||
        memcmp(head->bytes + SERIAL, expected + SERIAL, CHECKSUM - SERIAL) != 0;
    size_t from = 0;
    size_t length = write_number(code, (head->offset - end_of(last)) << 1 |
                                           (whole ? 1 : 0));
    if (!whole) {
        code[length++] = head->bytes[FLAGS];
        length += write_number(
            code + length, code_distance(load_u64le(last->bytes + GRANULE),
                                         load_u64le(head->bytes + GRANULE)));
        from = CHECKSUM;
    }
    memcpy(code + length, head->bytes + from, head->length - from);
    length += head->length - from;
    enum status status = buffer_append(list, code, length, err);
    if (status == STATUS_OK) {
        *last = *head;
    }
    return status;
}

/* --- out of the list --------------------------------------------------------
 */

/* Reads the number at *at; false where it ends in the middle or is too long. */
static bool read_number(const struct heads_cursor *cursor, size_t *at,
                        unsigned max_bytes, uint64_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < max_bytes; i++) {
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

/* The parts of an expected head that stand in the list before its checksum. */
static bool read_expected(const struct heads_cursor *cursor, size_t *at,
                          struct head *head)
{
    uint8_t bytes[CHECKSUM];
    uint64_t code = 0;
    expect_next(bytes, head);
    if (*at == cursor->length) {
        return false;
    }
    bytes[FLAGS] = cursor->list[(*at)++];
    if (!read_number(cursor, at, MAX_GRANULE_BYTES, &code)) {
        return false;
    }
    store_u64le(bytes + GRANULE,
                decode_distance(load_u64le(bytes + GRANULE), code));
    memcpy(head->bytes, bytes, sizeof bytes);
    return true;
}

/* Takes the next head in hand; held is false at the end, and where the list is
 * none (then at < length). */
static void next(struct heads_cursor *cursor)
{
    struct head *head = &cursor->head;
    size_t at = cursor->at;
    size_t from = 0;
    uint64_t number = 0;
    cursor->from = end_of(head);
    cursor->removed += head->length;
    cursor->held = false;
    if (!read_number(cursor, &at, MAX_DISTANCE_BYTES, &number)) {
        return;
    }
    if ((number & 1) == 0) {
        if (!read_expected(cursor, &at, head)) {
            return;
        }
        from = CHECKSUM;
    }
    size_t rest = cursor->length - at;
    if (rest < HEAD_FIXED_BYTES - from) {
        return;
    }
    size_t length =
        (size_t)HEAD_FIXED_BYTES + cursor->list[at + SEGMENTS - from];
    if (rest < length - from) {
        return;
    }
    memcpy(head->bytes + from, cursor->list + at, length - from);
    head->offset = cursor->from + (number >> 1);
    head->length = length;
    cursor->at = at + length - from;
    cursor->held = true;
}

void heads_cursor_init(struct heads_cursor *out, const uint8_t *list,
                       size_t length)
{
    *out = (struct heads_cursor){.list = list, .length = length};
    next(out);
}

bool heads_valid(const uint8_t *list, size_t length, uint64_t size_bytes,
                 uint64_t removed_bytes)
{
    struct heads_cursor cursor;
    if (length > HEADS_MAX_BYTES) {
        return false;
    }
    heads_cursor_init(&cursor, list, length);
    while (cursor.held) {
        if (end_of(&cursor.head) > size_bytes) {
            return false;
        }
        next(&cursor);
    }
    return cursor.at == length && cursor.removed == removed_bytes;
}

/* --- a file's bytes ---------------------------------------------------------
 */

uint64_t heads_before(struct heads_cursor *cursor, uint64_t offset)
{
    if (offset < cursor->from) {
        heads_cursor_init(cursor, cursor->list, cursor->length);
    }
    while (cursor->held && end_of(&cursor->head) <= offset) {
        next(cursor);
    }
    uint64_t within = cursor->held && cursor->head.offset < offset
                          ? offset - cursor->head.offset
                          : 0;
    return cursor->removed + within;
}

/* What of the head in hand lies from `from` on and before `to`. */
static size_t part_within(const struct heads_cursor *cursor, uint64_t from,
                          uint64_t to)
{
    uint64_t end = end_of(&cursor->head);
    return (size_t)((end < to ? end : to) - from);
}

size_t heads_take_out(struct heads_cursor *cursor, uint64_t offset,
                      uint8_t *bytes, size_t length)
{
    uint64_t end = offset + length;
    uint64_t at = offset;
    size_t kept = 0;
    (void)heads_before(cursor, offset);
    while (at < end) {
        bool last = !cursor->held || cursor->head.offset >= end;
        uint64_t from = last ? end : cursor->head.offset;
        if (from > at) {
            memmove(bytes + kept, bytes + (at - offset), (size_t)(from - at));
            kept += (size_t)(from - at);
            at = from;
        }
        if (!last) {
            at += part_within(cursor, at, end);
            (void)heads_before(cursor, at);
        }
    }
    return kept;
}

void heads_put_in(struct heads_cursor *cursor, uint64_t offset, uint8_t *bytes,
                  size_t length, size_t kept)
{
    uint64_t end = offset + length;
    uint64_t at = offset;
    size_t rest = length - kept; /* where what is left begins */
    (void)heads_before(cursor, offset);
    while (at < end) {
        bool last = !cursor->held || cursor->head.offset >= end;
        uint64_t from = last ? end : cursor->head.offset;
        if (from > at) {
            memmove(bytes + (at - offset), bytes + rest, (size_t)(from - at));
            rest += (size_t)(from - at);
            at = from;
        }
        if (!last) {
            size_t part = part_within(cursor, at, end);
            memcpy(bytes + (at - offset),
                   cursor->head.bytes + (at - cursor->head.offset), part);
            at += part;
            (void)heads_before(cursor, at);
        }
    }
    assert(rest == length);
}
