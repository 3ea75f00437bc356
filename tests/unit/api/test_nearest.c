/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: three candidates are compared unless they are there by chance, further
 * ones only while they are about as near as the best, and never more than
 * ten. */
#include "api/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_far_ones_are_left_out(void **state)
{
    (void)state;
    const uint32_t counts[] = {90, 7, 2, 2, 1};
    assert_int_equal(nearest_worth(counts, 5), 3);
    assert_int_equal(nearest_worth(counts, 2), 2);
    assert_int_equal(nearest_worth(NULL, 0), 0);
}

static void test_what_shares_one_term_by_chance_is_left_out(void **state)
{
    (void)state;
    uint32_t counts[CANDIDATES_MAX] = {30, 2};
    for (size_t i = 2; i < CANDIDATES_MAX; i++) {
        counts[i] = 1;
    }
    assert_int_equal(nearest_worth(counts, CANDIDATES_MAX), 2);
    /* a short list is not of chance alone */
    assert_int_equal(nearest_worth(counts, CANDIDATES_MAX - 1), 3);
    /* nor is there a better one */
    counts[0] = 2;
    assert_int_equal(nearest_worth(counts, CANDIDATES_MAX), NEAREST_MAX);
}

static void test_close_ones_are_compared(void **state)
{
    (void)state;
    const uint32_t counts[] = {90, 80, 60, 45, 44};
    assert_int_equal(nearest_worth(counts, 5), 4);
}

static void test_there_is_a_bound(void **state)
{
    (void)state;
    uint32_t counts[20];
    for (size_t i = 0; i < 20; i++) {
        counts[i] = 5;
    }
    assert_int_equal(nearest_worth(counts, 20), NEAREST_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_far_ones_are_left_out),
        cmocka_unit_test(test_what_shares_one_term_by_chance_is_left_out),
        cmocka_unit_test(test_close_ones_are_compared),
        cmocka_unit_test(test_there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
