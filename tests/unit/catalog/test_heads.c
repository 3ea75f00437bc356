/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: heads of pages come back where they were taken out, in any order of
 * reading, and a list that is none is refused. */
#include "catalog/vault/heads.h"
#include "tests/support/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

enum { FILE_BYTES = 20000, HEADS = 150 };

/* By FORMAT.md: at 300 a whole one with one segment; 100 behind its end the
 * next page of the stream, 1000 samples on; right behind that one of another
 * stream, whose first page has number 0. */
static const struct head THREE[] = {
    {300, 28, "OggS\0\0\x10\x27\0\0\0\0\0\0\1\2\3\4\7\0\0\0\xa\xb\xc\xd\1\x64"},
    {428, 29,
     "OggS\0\4\xf8\x2a\0\0\0\0\0\0\1\2\3\4\x8\0\0\0\xe\xf\0\1\2\xff\0"},
    {457, 27, "OggS\0\2\0\0\0\0\0\0\0\0\x9\x9\x9\x9\0\0\0\0\5\5\5\5"}};
static const uint8_t THREE_CODED[] =
    "\xd9\x04OggS\0\0\x10\x27\0\0\0\0\0\0\1\2\3\4\7\0\0\0\xa\xb\xc\xd\1\x64"
    "\xc8\x01\4\xd0\x0f\xe\xf\0\1\2\xff\0"
    "\x01OggS\0\2\0\0\0\0\0\0\0\0\x9\x9\x9\x9\0\0\0\0\5\5\5\5\0";
enum {
    CODED_BYTES = sizeof THREE_CODED - 1,
    FIRST_ENDS = 30,
    SECOND_ENDS = 42
};
enum { THREE_REMOVED = 28 + 29 + 27, THREE_END = 457 + 27 };

static void the_code_is_that_of_the_format_page(void **state)
{
    (void)state;
    struct buffer list = {0};
    struct head last = {0};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(heads_add(&list, &last, &THREE[i], NULL), STATUS_OK);
    }
    assert_int_equal(list.length, CODED_BYTES);
    assert_memory_equal(list.bytes, THREE_CODED, CODED_BYTES);
    buffer_clear(&list);
}

/* Granule positions go anywhere, -1 among them; the highest page number is
 * followed by 0. */
static void numbers_of_every_size_come_back(void **state)
{
    (void)state;
    static const uint64_t granules[] = {0,
                                        UINT64_MAX,
                                        0,
                                        UINT64_MAX / 2,
                                        UINT64_MAX / 2 + 1,
                                        5,
                                        UINT64_MAX,
                                        UINT64_MAX / 2 - 3,
                                        1};
    enum { COUNT = sizeof granules / sizeof granules[0] };
    struct buffer list = {0};
    struct head last = {0};
    uint8_t file[COUNT * HEAD_FIXED_BYTES];
    struct heads_cursor cursor;
    for (size_t i = 0; i < COUNT; i++) {
        struct head head = {HEAD_FIXED_BYTES * i, HEAD_FIXED_BYTES, "OggS"};
        store_u64le(head.bytes + 6, granules[i]);
        store_u32le(head.bytes + 18, UINT32_MAX - 2 + (uint32_t)i);
        memcpy(file + head.offset, head.bytes, HEAD_FIXED_BYTES);
        assert_int_equal(heads_add(&list, &last, &head, NULL), STATUS_OK);
    }
    uint8_t back[sizeof file] = {0};
    heads_cursor_init(&cursor, list.bytes, list.length);
    heads_put_in(&cursor, 0, back, sizeof back, 0);
    assert_memory_equal(back, file, sizeof file);
    buffer_clear(&list);
}

struct fixture {
    uint8_t file[FILE_BYTES];
    uint8_t packets[FILE_BYTES];
    size_t packets_length;
    struct buffer list;
};

/* Most of the heads are of pages in a row. */
static int set_up(void **state)
{
    static struct fixture fixture;
    struct head last = {0};
    uint64_t random = 3;
    uint64_t at = 0;
    fixture.list = (struct buffer){0};
    fixture.packets_length = 0;
    pattern_fill(fixture.file, FILE_BYTES, 8);
    for (int i = 0; i <= HEADS; i++) {
        uint64_t gap =
            i == HEADS ? FILE_BYTES - at : pattern_below(&random, 90);
        memcpy(fixture.packets + fixture.packets_length, fixture.file + at,
               gap);
        fixture.packets_length += gap;
        at += gap;
        if (i == HEADS) {
            break;
        }
        uint8_t *page = fixture.file + at;
        page[26] = (uint8_t)pattern_below(&random, 20);
        if (i % 10 > 0) {
            memcpy(page, "OggS", 5);
            memcpy(page + 14, last.bytes + 14, 4);
            store_u32le(page + 18, load_u32le(last.bytes + 18) + 1);
        }
        struct head head = {.offset = at,
                            .length = (size_t)HEAD_FIXED_BYTES + page[26]};
        memcpy(head.bytes, page, head.length);
        assert_int_equal(heads_add(&fixture.list, &last, &head, NULL),
                         STATUS_OK);
        at += head.length;
    }
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    buffer_clear(&fixture->list);
    return 0;
}

/* A range as a reader puts it together, and taken apart again. */
static void expect_range(const struct fixture *fixture,
                         struct heads_cursor *cursor, size_t from,
                         size_t length)
{
    static uint8_t bytes[FILE_BYTES];
    uint64_t before = heads_before(cursor, from);
    struct heads_cursor end = *cursor;
    size_t within = (size_t)(heads_before(&end, from + length) - before);
    size_t kept = length - within;
    memcpy(bytes + within, fixture->packets + (from - before), kept);
    heads_put_in(cursor, from, bytes, length, kept);
    assert_memory_equal(bytes, fixture->file + from, length);
    assert_int_equal(heads_take_out(cursor, from, bytes, length), kept);
    assert_memory_equal(bytes, fixture->packets + (from - before), kept);
}

static void any_range_is_put_together(void **state)
{
    const struct fixture *fixture = *state;
    struct heads_cursor cursor;
    uint64_t random = 4;
    assert_true(heads_valid(fixture->list.bytes, fixture->list.length,
                            FILE_BYTES, FILE_BYTES - fixture->packets_length));
    heads_cursor_init(&cursor, fixture->list.bytes, fixture->list.length);
    for (int i = 0; i < 5000; i++) {
        size_t from = (size_t)pattern_below(&random, FILE_BYTES);
        uint64_t limit = i % 2 == 0 ? 40 : FILE_BYTES;
        size_t length = (size_t)pattern_below(&random, limit);
        size_t rest = FILE_BYTES - from;
        expect_range(fixture, &cursor, from, length < rest ? length : rest);
    }
}

static void going_on_in_blocks_gives_all(void **state)
{
    const struct fixture *fixture = *state;
    for (size_t block = 1; block < 100; block++) {
        struct heads_cursor cursor;
        heads_cursor_init(&cursor, fixture->list.bytes, fixture->list.length);
        for (size_t at = 0; at < FILE_BYTES; at += block) {
            size_t rest = FILE_BYTES - at;
            expect_range(fixture, &cursor, at, rest < block ? rest : block);
        }
    }
}

static void lists_that_are_none_are_refused(void **state)
{
    (void)state;
    static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
    const uint8_t *list = THREE_CODED;
    assert_true(heads_valid(list, CODED_BYTES, THREE_END, THREE_REMOVED));
    assert_true(heads_valid(list, CODED_BYTES, UINT64_MAX, THREE_REMOVED));
    assert_false(heads_valid(list, CODED_BYTES, THREE_END - 1, THREE_REMOVED));
    assert_false(heads_valid(list, CODED_BYTES, THREE_END, THREE_REMOVED - 1));
    assert_false(heads_valid(list, CODED_BYTES, THREE_END, 0));
    assert_false(heads_valid(endless, sizeof endless, UINT64_MAX, 0));
    assert_true(heads_valid(NULL, 0, 0, 0));
    for (size_t length = 1; length < CODED_BYTES; length++) {
        uint64_t removed = length < FIRST_ENDS    ? 0
                           : length < SECOND_ENDS ? 28
                                                  : 28 + 29;
        bool between = length == FIRST_ENDS || length == SECOND_ENDS;
        assert_int_equal(heads_valid(list, length, THREE_END, removed),
                         between);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_code_is_that_of_the_format_page),
        cmocka_unit_test(numbers_of_every_size_come_back),
        cmocka_unit_test_setup_teardown(any_range_is_put_together, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(going_on_in_blocks_gives_all, set_up,
                                        tear_down),
        cmocka_unit_test(lists_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
