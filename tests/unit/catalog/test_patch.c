/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: patches come back where they were taken out, in any order of reading,
 * and a list that is none is refused. */
#include "catalog/vault/patch.h"
#include "tests/support/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

enum { FILE_BYTES = 20000, PATCHES = 150 };

/* By FORMAT.md: at 300 all 12 bytes; 100 behind its end the next page of the
 * same stream; right behind that one of another stream. */
static const struct patch THREE[] = {
    {300, {1, 2, 3, 4, 7, 0, 0, 0, 0xa, 0xb, 0xc, 0xd}},
    {412, {1, 2, 3, 4, 8, 0, 0, 0, 0xe, 0xf, 0, 1}},
    {424, {9, 9, 9, 9, 0, 0, 0, 0, 5, 5, 5, 5}}};
static const uint8_t THREE_CODED[] = {
    0xd9, 0x04, 1,   2,   3, 4, 7, 0, 0, 0, 0xa, 0xb, 0xc, 0xd, /* 601 */
    0xc8, 0x01, 0xe, 0xf, 0, 1,                                 /* 200 */
    0x01, 9,    9,   9,   9, 0, 0, 0, 0, 5, 5,   5,   5};       /* 1 */

static void the_code_is_that_of_the_format_page(void **state)
{
    (void)state;
    struct buffer list = {0};
    struct patch last = {0};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(patch_add(&list, &last, &THREE[i], NULL), STATUS_OK);
    }
    assert_int_equal(list.length, sizeof THREE_CODED);
    assert_memory_equal(list.bytes, THREE_CODED, sizeof THREE_CODED);
    buffer_clear(&list);
}

static void a_sequence_number_begins_again_behind_the_highest(void **state)
{
    (void)state;
    struct buffer list = {0};
    struct patch last = {0};
    struct patch patch = {0, {1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff}};
    uint8_t file[24] = {0};
    struct patch_cursor cursor;
    assert_int_equal(patch_add(&list, &last, &patch, NULL), STATUS_OK);
    patch = (struct patch){12, {1, 2, 3, 4, 0, 0, 0, 0}};
    assert_int_equal(patch_add(&list, &last, &patch, NULL), STATUS_OK);
    assert_int_equal(list.length, 13 + 5);
    patch_cursor_init(&cursor, list.bytes, list.length);
    patch_restore(&cursor, 0, file, sizeof file);
    assert_memory_equal(file + 12, patch.bytes, PATCH_BYTES);
    buffer_clear(&list);
}

struct fixture {
    uint8_t file[FILE_BYTES];
    uint8_t blank[FILE_BYTES];
    struct buffer list;
};

/* Patches of what is in the file, most of them pages in a row. */
static int set_up(void **state)
{
    static struct fixture fixture;
    struct patch last = {0};
    uint64_t random = 3;
    uint64_t at = 0;
    fixture.list = (struct buffer){0};
    pattern_fill(fixture.file, FILE_BYTES, 8);
    memcpy(fixture.blank, fixture.file, FILE_BYTES);
    for (int i = 0; i < PATCHES; i++) {
        struct patch patch = {.offset = at + pattern_below(&random, 100)};
        uint8_t *page = fixture.file + patch.offset;
        if (i % 10 > 0) {
            memcpy(page, last.bytes, 4);
            store_u32le(page + 4, load_u32le(last.bytes + 4) + 1);
        }
        memcpy(patch.bytes, page, PATCH_BYTES);
        assert_int_equal(patch_add(&fixture.list, &last, &patch, NULL),
                         STATUS_OK);
        memcpy(fixture.blank + at, fixture.file + at, patch.offset - at);
        memset(fixture.blank + patch.offset, 0, PATCH_BYTES);
        at = patch.offset + PATCH_BYTES;
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

static void any_range_is_blanked_and_restored(void **state)
{
    const struct fixture *fixture = *state;
    static uint8_t bytes[FILE_BYTES];
    struct patch_cursor cursor;
    uint64_t random = 4;
    assert_true(patch_list_valid(fixture->list.bytes, fixture->list.length,
                                 FILE_BYTES));
    patch_cursor_init(&cursor, fixture->list.bytes, fixture->list.length);
    for (int i = 0; i < 5000; i++) {
        uint64_t from = pattern_below(&random, FILE_BYTES);
        uint64_t limit = i % 2 == 0 ? 30 : FILE_BYTES;
        size_t length = (size_t)pattern_below(&random, limit);
        if (length > FILE_BYTES - from) {
            length = FILE_BYTES - (size_t)from;
        }
        memcpy(bytes, fixture->file + from, length);
        patch_blank(&cursor, from, bytes, length);
        assert_memory_equal(bytes, fixture->blank + from, length);
        patch_restore(&cursor, from, bytes, length);
        assert_memory_equal(bytes, fixture->file + from, length);
    }
}

static void going_on_in_blocks_restores_all(void **state)
{
    const struct fixture *fixture = *state;
    static uint8_t bytes[FILE_BYTES];
    for (size_t block = 1; block < 100; block++) {
        struct patch_cursor cursor;
        memcpy(bytes, fixture->blank, FILE_BYTES);
        patch_cursor_init(&cursor, fixture->list.bytes, fixture->list.length);
        for (size_t at = 0; at < FILE_BYTES; at += block) {
            size_t rest = FILE_BYTES - at;
            patch_restore(&cursor, at, bytes + at, rest < block ? rest : block);
        }
        assert_memory_equal(bytes, fixture->file, FILE_BYTES);
    }
}

static void lists_that_are_none_are_refused(void **state)
{
    (void)state;
    static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
    const uint64_t end = 424 + PATCH_BYTES;
    assert_true(patch_list_valid(THREE_CODED, sizeof THREE_CODED, end));
    assert_false(patch_list_valid(THREE_CODED, sizeof THREE_CODED, end - 1));
    assert_false(patch_list_valid(THREE_CODED, sizeof THREE_CODED, 0));
    assert_false(patch_list_valid(endless, sizeof endless, UINT64_MAX));
    assert_true(patch_list_valid(NULL, 0, 0));
    for (size_t length = 1; length < sizeof THREE_CODED; length++) {
        bool between = length == 14 || length == 20;
        assert_int_equal(patch_list_valid(THREE_CODED, length, end), between);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_code_is_that_of_the_format_page),
        cmocka_unit_test(a_sequence_number_begins_again_behind_the_highest),
        cmocka_unit_test_setup_teardown(any_range_is_blanked_and_restored,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(going_on_in_blocks_restores_all, set_up,
                                        tear_down),
        cmocka_unit_test(lists_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
