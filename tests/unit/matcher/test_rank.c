/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/rank.h"
#include "tests/support/pattern.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    int a = *(const int16_t *)left;
    int b = *(const int16_t *)right;

    return (a > b) - (a < b);
}

static void agrees_with_sorting(void **state)
{
    enum { COUNT = 1000 };
    int16_t values[COUNT];
    int16_t sorted[COUNT];
    uint64_t x = 1;
    (void)state;
    static const uint64_t spreads[] = {1, 2, 300, 65536};
    for (size_t s = 0; s < sizeof spreads / sizeof spreads[0]; s++) {
        for (size_t i = 0; i < COUNT; i++) {
            values[i] = (int16_t)((int)pattern_below(&x, spreads[s]) -
                                  (int)spreads[s] / 2);
            sorted[i] = values[i];
        }
        qsort(sorted, COUNT, sizeof *sorted, compare);
        for (size_t rank = 0; rank < COUNT; rank += 37) {
            assert_int_equal(rank_select(values, COUNT, rank), sorted[rank]);
        }
        assert_int_equal(rank_select(values, COUNT, COUNT - 1),
                         sorted[COUNT - 1]);
    }
}

static void takes_the_ends_of_the_range(void **state)
{
    static const int16_t values[] = {INT16_MAX, INT16_MIN, 0};
    (void)state;
    assert_int_equal(rank_select(values, 3, 0), INT16_MIN);
    assert_int_equal(rank_select(values, 3, 1), 0);
    assert_int_equal(rank_select(values, 3, 2), INT16_MAX);
    assert_int_equal(rank_select(values, 1, 0), INT16_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_sorting),
        cmocka_unit_test(takes_the_ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
