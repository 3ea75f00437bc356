/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/align.h"
#include "matcher/fingerprint.h"
#include "tests/support/pattern.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Items as neighbours in music are: a few bits apart. */
static struct fingerprint make(size_t count)
{
    struct fingerprint print = {
        .item_count = count, .head_quiet_ms = 1238, .tail_quiet_ms = 495};
    uint64_t x = count;

    print.items = malloc(count * sizeof *print.items);
    print.levels = malloc(count);
    assert_non_null(print.items);
    assert_non_null(print.levels);
    uint32_t item = 0x12345678;
    for (size_t i = 0; i < count; i++) {
        item ^= UINT32_C(1) << pattern_below(&x, 32);
        item ^= UINT32_C(1) << pattern_below(&x, 32);
        print.items[i] = item;
        /* now and then a rest, 40 dB down and more */
        bool rests = i % 100 >= 60 && i % 100 < 95;
        print.levels[i] = (uint8_t)((rests ? 2 : 30) + pattern_below(&x, 5));
    }
    return print;
}

/* Of the levels it is kept what is quiet. */
static void assert_same(const struct fingerprint *a,
                        const struct fingerprint *b)
{
    bool *quiet_a = calloc(a->item_count, sizeof *quiet_a);
    bool *quiet_b = calloc(a->item_count, sizeof *quiet_b);

    assert_int_equal(a->item_count, b->item_count);
    assert_int_equal(a->head_quiet_ms, b->head_quiet_ms);
    assert_int_equal(a->tail_quiet_ms, b->tail_quiet_ms);
    assert_memory_equal(a->items, b->items, a->item_count * sizeof *a->items);
    assert_non_null(quiet_a);
    assert_non_null(quiet_b);
    align_mark_quiet(quiet_a, a);
    align_mark_quiet(quiet_b, b);
    assert_memory_equal(quiet_a, quiet_b, a->item_count * sizeof *quiet_a);
    free(quiet_a);
    free(quiet_b);
}

static void unpacks_what_was_packed(void **state)
{
    static const size_t counts[] = {1, 2, 463, FINGERPRINT_MAX_ITEMS};
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct fingerprint print = make(counts[i]);
        struct fingerprint again;
        struct buffer packed = {0};
        assert_int_equal(fingerprint_pack(&packed, &print, NULL), STATUS_OK);
        assert_int_equal(
            fingerprint_unpack(&again, packed.bytes, packed.length, NULL),
            STATUS_OK);
        assert_same(&print, &again);
        fingerprint_clear(&print);
        fingerprint_clear(&again);
        buffer_clear(&packed);
    }
}

static void appends_behind_what_is_there(void **state)
{
    struct fingerprint print = make(100);
    struct fingerprint again;
    struct buffer packed = {0};
    (void)state;
    assert_int_equal(buffer_append(&packed, "key", 3, NULL), STATUS_OK);
    assert_int_equal(fingerprint_pack(&packed, &print, NULL), STATUS_OK);
    assert_memory_equal(packed.bytes, "key", 3);
    assert_int_equal(
        fingerprint_unpack(&again, packed.bytes + 3, packed.length - 3, NULL),
        STATUS_OK);
    assert_same(&print, &again);
    fingerprint_clear(&print);
    fingerprint_clear(&again);
    buffer_clear(&packed);
}

/* One flipped bit: found, or of no consequence (zstd pads with bits that mean
 * nothing); never another fingerprint. */
static void never_takes_damage_for_a_fingerprint(void **state)
{
    struct fingerprint print = make(300);
    struct buffer packed = {0};
    (void)state;
    assert_int_equal(fingerprint_pack(&packed, &print, NULL), STATUS_OK);
    for (size_t bit = 0; bit < packed.length * 8; bit++) {
        struct fingerprint again;
        struct error err = {0};
        packed.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        enum status status =
            fingerprint_unpack(&again, packed.bytes, packed.length, &err);
        if (status == STATUS_OK) {
            assert_same(&print, &again);
            fingerprint_clear(&again);
        } else {
            assert_int_equal(status, STATUS_CORRUPT);
            assert_string_equal(err.code, "fingerprint_corrupt");
            assert_null(again.items);
        }
        packed.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    fingerprint_clear(&print);
    buffer_clear(&packed);
}

static void refuses_every_cut_and_every_addition(void **state)
{
    struct fingerprint print = make(300);
    struct fingerprint again;
    struct buffer packed = {0};
    (void)state;
    assert_int_equal(fingerprint_pack(&packed, &print, NULL), STATUS_OK);
    for (size_t length = 0; length < packed.length; length++) {
        assert_int_equal(fingerprint_unpack(&again, packed.bytes, length, NULL),
                         STATUS_CORRUPT);
    }
    assert_int_equal(buffer_append(&packed, "", 1, NULL), STATUS_OK);
    assert_int_equal(
        fingerprint_unpack(&again, packed.bytes, packed.length, NULL),
        STATUS_CORRUPT);
    fingerprint_clear(&print);
    buffer_clear(&packed);
}

/* A count of four thousand millions must cost nothing. */
static void believes_no_count(void **state)
{
    struct fingerprint print = make(10);
    struct fingerprint again;
    struct buffer packed = {0};
    static const uint32_t counts[] = {
        0, 9, 11, FINGERPRINT_MAX_ITEMS, FINGERPRINT_MAX_ITEMS + 1, UINT32_MAX};
    (void)state;
    assert_int_equal(fingerprint_pack(&packed, &print, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        store_u32le(packed.bytes + 4, counts[i]);
        assert_int_equal(
            fingerprint_unpack(&again, packed.bytes, packed.length, NULL),
            STATUS_CORRUPT);
    }
    fingerprint_clear(&print);
    buffer_clear(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_what_was_packed),
        cmocka_unit_test(appends_behind_what_is_there),
        cmocka_unit_test(never_takes_damage_for_a_fingerprint),
        cmocka_unit_test(refuses_every_cut_and_every_addition),
        cmocka_unit_test(believes_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
