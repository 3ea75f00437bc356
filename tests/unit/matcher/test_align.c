/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/align.h"
#include "tests/support/pattern.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/prints.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 1500 }; /* three minutes */

/* Alignment of two prints, which are let go. */
static struct alignment align(struct fingerprint query,
                              struct fingerprint reference)
{
    struct alignment alignment;
    assert_int_equal(align_prints(&alignment, &query, &reference, NULL),
                     STATUS_OK);
    fingerprint_clear(&query);
    fingerprint_clear(&reference);
    return alignment;
}

static void assert_nothing_alike(const struct alignment *alignment)
{
    assert_int_equal(alignment->segment_count, 0);
    assert_int_equal(alignment->telling_items, 0);
    assert_true(alignment->bit_error_rate == 1);
}

static void a_print_lies_on_itself(void **state)
{
    struct alignment a =
        align(prints_random(1, ITEMS), prints_random(1, ITEMS));
    (void)state;
    assert_int_equal(a.segment_count, 1);
    assert_int_equal(a.lag_items, 0);
    assert_int_equal(a.segments[0].item_count, ITEMS);
    assert_true(a.bit_error_rate == 0);
}

/* Property: whatever is cut off in front is the lag, with noise or without. */
static void the_lag_is_what_was_cut_off(void **state)
{
    struct fingerprint whole = prints_random(2, ITEMS);
    uint64_t x = 3;
    (void)state;
    for (int round = 0; round < 40; round++) {
        size_t cut = pattern_below(&x, ITEMS - 300);
        struct fingerprint part = prints_slice(&whole, cut, 300);
        prints_spoil(&part, 0, 300, .02 * (double)(round % 4));
        struct alignment a;
        assert_int_equal(align_prints(&a, &part, &whole, NULL), STATUS_OK);
        assert_int_equal(a.lag_items, -(int32_t)cut);
        assert_true(a.lag_items_alike >= 290);
        assert_int_equal(align_prints(&a, &whole, &part, NULL), STATUS_OK);
        assert_int_equal(a.lag_items, (int32_t)cut);
        fingerprint_clear(&part);
    }
    fingerprint_clear(&whole);
}

/* Lags beside the right one leave one print or the other altogether. */
static void the_last_items_are_found(void **state)
{
    enum { PART = 40 };
    struct fingerprint whole = prints_random(7, ITEMS);
    struct fingerprint part = prints_slice(&whole, ITEMS - PART, PART);
    struct alignment a;
    (void)state;
    assert_int_equal(align_prints(&a, &part, &whole, NULL), STATUS_OK);
    assert_int_equal(a.lag_items, PART - ITEMS);
    assert_int_equal(a.lag_items_alike, PART);
    assert_int_equal(align_prints(&a, &whole, &part, NULL), STATUS_OK);
    assert_int_equal(a.lag_items, ITEMS - PART);
    assert_in_range(a.lag_items_alike, PART - 16, PART);
    fingerprint_clear(&part);
    fingerprint_clear(&whole);
}

static void other_music_is_not_alike(void **state)
{
    (void)state;
    for (uint64_t seed = 10; seed < 30; seed++) {
        struct alignment a =
            align(prints_random(seed, ITEMS), prints_random(seed + 100, ITEMS));
        assert_nothing_alike(&a);
    }
}

/* Silence, a held tone, hum: the same items all along, and no music. */
static void what_stands_still_is_not_alike(void **state)
{
    struct alignment a = align(prints_constant(FINGERPRINT_SILENCE, 0, ITEMS),
                               prints_constant(FINGERPRINT_SILENCE, 0, ITEMS));
    (void)state;
    assert_nothing_alike(&a);
    a = align(prints_constant(0x12345678, 35, ITEMS),
              prints_constant(0x12345678, 35, ITEMS));
    assert_nothing_alike(&a);
}

static void shared_silence_does_not_join_songs(void **state)
{
    struct fingerprint quiet = prints_constant(FINGERPRINT_SILENCE, 0, 400);
    struct fingerprint a = prints_random(40, 400);
    struct fingerprint b = prints_random(41, 400);
    struct alignment alignment =
        align(prints_join(&quiet, &a), prints_join(&quiet, &b));
    (void)state;
    assert_nothing_alike(&alignment);
    fingerprint_clear(&quiet);
    fingerprint_clear(&a);
    fingerprint_clear(&b);
}

/* 20 s gone from the middle: two lags, and the border at the cut. */
static void a_cut_gives_two_segments(void **state)
{
    enum { CUT = 600, GONE = 160 };
    struct fingerprint whole = prints_random(5, ITEMS);
    struct fingerprint head = prints_slice(&whole, 0, CUT);
    struct fingerprint tail =
        prints_slice(&whole, CUT + GONE, ITEMS - CUT - GONE);
    struct fingerprint query = prints_join(&head, &tail);
    struct alignment a;
    (void)state;
    assert_int_equal(align_prints(&a, &query, &whole, NULL), STATUS_OK);
    assert_int_equal(a.segment_count, 2);
    assert_int_equal(a.segments[0].lag_items, 0);
    assert_int_equal(a.segments[1].lag_items, -GONE);
    size_t border = a.segments[0].query_item + a.segments[0].item_count;
    assert_in_range(border, CUT - 16, CUT + 16);
    assert_in_range(a.segments[1].query_item, border, CUT + 16);
    fingerprint_clear(&whole);
    fingerprint_clear(&head);
    fingerprint_clear(&tail);
    fingerprint_clear(&query);
}

static void a_repeat_gives_two_segments(void **state)
{
    enum { AGAIN = 160, AT = 700 };
    struct fingerprint whole = prints_random(6, ITEMS);
    struct fingerprint head = prints_slice(&whole, 0, AT);
    struct fingerprint tail =
        prints_slice(&whole, AT - AGAIN, ITEMS - AT + AGAIN);
    struct alignment a =
        align(prints_join(&head, &tail), prints_slice(&whole, 0, ITEMS));
    (void)state;
    assert_int_equal(a.segment_count, 2);
    assert_int_equal(a.segments[1].lag_items - a.segments[0].lag_items, AGAIN);
    assert_true(a.telling_items >= ITEMS + AGAIN - 40);
    fingerprint_clear(&whole);
    fingerprint_clear(&head);
    fingerprint_clear(&tail);
}

static void survives_the_smallest_and_the_largest(void **state)
{
    (void)state;
    for (size_t count = 1; count < 40; count++) {
        struct alignment a =
            align(prints_random(7, count), prints_random(7, ITEMS));
        assert_true(a.telling_items <= count);
    }
    struct alignment a = align(prints_random(8, FINGERPRINT_MAX_ITEMS),
                               prints_random(8, FINGERPRINT_MAX_ITEMS));
    assert_int_equal(a.lag_items_alike, FINGERPRINT_MAX_ITEMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_print_lies_on_itself),
        cmocka_unit_test(the_lag_is_what_was_cut_off),
        cmocka_unit_test(the_last_items_are_found),
        cmocka_unit_test(other_music_is_not_alike),
        cmocka_unit_test(what_stands_still_is_not_alike),
        cmocka_unit_test(shared_silence_does_not_join_songs),
        cmocka_unit_test(a_cut_gives_two_segments),
        cmocka_unit_test(a_repeat_gives_two_segments),
        cmocka_unit_test(survives_the_smallest_and_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
