/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/edition.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/prints.h"

#include <math.h>
#include <stdlib.h>

enum { ITEMS = 1000 };

static struct fingerprint original;
static struct fingerprint copy;

static int make_pair(void **state)
{
    (void)state;
    original = prints_random(1, ITEMS);
    copy = prints_random(1, ITEMS);
    return 0;
}

static int clear_pair(void **state)
{
    (void)state;
    fingerprint_clear(&original);
    fingerprint_clear(&copy);
    return 0;
}

/* What the copy differs by, at a noise of .01. */
static struct edition compare(int32_t lag)
{
    struct edition edition;
    assert_int_equal(
        edition_compare(&edition, &copy, &original, lag, .01, NULL), STATUS_OK);
    return edition;
}

static void assert_near(double value, double expected)
{
    if (fabs(value - expected) > 1e-6) {
        fail_msg("%f is not %f", value, expected);
    }
}

static void the_same_differs_nowhere(void **state)
{
    struct edition edition = compare(0);
    (void)state;
    assert_near(edition.worst_second, 0);
    assert_near(edition.worst_four_seconds, 0);
    assert_near(edition.level_error_db, 0);
    assert_near(edition.score, 0);
    assert_int_equal(edition.item_count, ITEMS);
    edition_clear(&edition);
}

/* 8 items with a quarter of their bits: .25 over 1 s, .0625 over 4 s. */
static void a_spoiled_second_is_measured(void **state)
{
    prints_spoil(&copy, 500, 8, .25);
    struct edition edition = compare(0);
    (void)state;
    assert_near(edition.worst_second, .25);
    assert_near(edition.worst_four_seconds, .25 / 4);
    /* score = ex8 / (.02 + BER) / 2.4 + E / 4.5 */
    assert_near(edition.score, .25 / .03 / 2.4);
    assert_near((double)edition.second_error[504], .25);
    assert_near((double)edition.second_error[400], 0);
    assert_true(edition_local_score(&edition, 504, .01) > 3);
    assert_near(edition_local_score(&edition, 400, .01), 0);
    edition_clear(&edition);
}

/* Noise all along is not an edit: the median takes it off. */
static void even_noise_is_no_difference(void **state)
{
    prints_spoil(&copy, 0, ITEMS, 1. / 32);
    struct edition edition = compare(0);
    (void)state;
    assert_near(edition.median_error, 1. / 32);
    assert_near(edition.worst_second, 0);
    edition_clear(&edition);
}

/* Five steps of 2 dB down for two hops, all else equal. */
static void a_dip_of_the_level_is_measured(void **state)
{
    copy.levels[300] = (uint8_t)(copy.levels[300] - 5);
    copy.levels[301] = (uint8_t)(copy.levels[301] - 5);
    struct edition edition = compare(0);
    (void)state;
    assert_near(edition.level_error_db, 10);
    assert_near(edition.score, 10 / 4.5);
    edition_clear(&edition);
}

static void a_quieter_copy_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ITEMS; i++) {
        copy.levels[i] = (uint8_t)(copy.levels[i] - 6);
    }
    struct edition edition = compare(0);
    assert_near(edition.level_error_db, 0);
    edition_clear(&edition);
}

static void what_is_quiet_on_both_sides_does_not_count(void **state)
{
    (void)state;
    for (size_t i = 400; i < 500; i++) {
        copy.levels[i] = (uint8_t)(i % 7);
        original.levels[i] = 0;
    }
    prints_spoil(&copy, 420, 60, .5);
    struct edition edition = compare(0);
    assert_near(edition.worst_second, 0);
    assert_near(edition.level_error_db, 0);
    edition_clear(&edition);
    /* ... but silence against music does */
    for (size_t i = 400; i < 500; i++) {
        original.levels[i] = 34;
        copy.levels[i] = i < 420 ? 0 : 34;
    }
    edition = compare(0);
    assert_near(edition.worst_second, .5);
    assert_true(edition.level_error_db > 20);
    edition_clear(&edition);
}

static void a_lag_compares_what_overlaps(void **state)
{
    struct fingerprint late = prints_slice(&original, 100, ITEMS - 100);
    struct edition edition;
    (void)state;
    assert_int_equal(
        edition_compare(&edition, &late, &original, -100, .01, NULL),
        STATUS_OK);
    assert_int_equal(edition.first_item, 0);
    assert_int_equal(edition.item_count, ITEMS - 100);
    assert_near(edition.worst_second, 0);
    edition_clear(&edition);
    assert_int_equal(
        edition_compare(&edition, &original, &late, 100, .01, NULL), STATUS_OK);
    assert_int_equal(edition.first_item, 100);
    edition_clear(&edition);
    fingerprint_clear(&late);
}

static void too_little_overlap_is_an_error(void **state)
{
    struct edition edition;
    static const int32_t lags[] = {ITEMS,      -ITEMS,        ITEMS - 31,
                                   31 - ITEMS, INT32_MAX / 2, INT32_MIN / 2};
    (void)state;
    for (size_t i = 0; i < sizeof lags / sizeof lags[0]; i++) {
        struct error err = {0};
        assert_int_equal(
            edition_compare(&edition, &copy, &original, lags[i], .01, &err),
            STATUS_INVALID);
        assert_string_equal(err.code, "no_overlap");
        assert_null(edition.second_error);
    }
}

#define WITH_PAIR(test)                                                        \
    cmocka_unit_test_setup_teardown(test, make_pair, clear_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(the_same_differs_nowhere),
        WITH_PAIR(a_spoiled_second_is_measured),
        WITH_PAIR(even_noise_is_no_difference),
        WITH_PAIR(a_dip_of_the_level_is_measured),
        WITH_PAIR(a_quieter_copy_is_the_same),
        WITH_PAIR(what_is_quiet_on_both_sides_does_not_count),
        WITH_PAIR(a_lag_compares_what_overlaps),
        WITH_PAIR(too_little_overlap_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
