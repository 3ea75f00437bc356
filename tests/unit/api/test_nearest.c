/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: three candidates are always compared, further ones only while they are
 * about as near as the best, and never more than ten. */
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
        cmocka_unit_test(test_close_ones_are_compared),
        cmocka_unit_test(test_there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
