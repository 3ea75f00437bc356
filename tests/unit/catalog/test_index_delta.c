/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/delta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static struct delta *delta;

static int begin(void **state)
{
    (void)state;
    delta = calloc(1, sizeof *delta);
    return delta == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    delta_clear(delta);
    free(delta);
    return 0;
}

static void add(uint32_t segment, uint16_t rest, uint32_t number, uint64_t mark)
{
    const struct place place = {segment, rest};
    assert_int_equal(delta_add(delta, place, number, mark, NULL), STATUS_OK);
}

static size_t count_of(uint32_t segment, uint16_t rest, uint32_t *first)
{
    uint32_t numbers[DELTA_NUMBERS_MAX];
    size_t count = 0;
    delta_numbers(delta, (struct place){segment, rest}, numbers, &count);
    for (size_t i = 1; i < count && count < DELTA_NUMBERS_MAX; i++) {
        assert_true(numbers[i - 1] < numbers[i]);
    }
    *first = count > 0 ? numbers[0] : 0;
    return count;
}

static void numbers_come_in_order_and_once(void **state)
{
    (void)state;
    uint32_t first = 0;
    for (uint32_t i = 0; i < 700; i++) {
        add(1, (uint16_t)(i % 7), 1000 - i, i + 1);
        add(1, (uint16_t)(i % 7), 1000 - i, i + 1);
        add(2, 3, i + 1, i + 1);
    }
    assert_int_equal(count_of(1, 3, &first), 100);
    assert_int_equal(first, 1000 - 696); /* the last i with i % 7 == 3 */
    assert_int_equal(count_of(2, 3, &first), 700);
    assert_int_equal(count_of(2, 4, &first), 0);
    assert_int_equal(count_of(3, 3, &first), 0);
    assert_int_equal(delta->posting_count, 2100);
}

static void too_many_numbers_are_a_stop_term(void **state)
{
    (void)state;
    uint32_t first = 0;
    for (uint32_t i = 1; i <= SEGMENT_TERM_MAX; i++) {
        add(1, 3, i, i);
    }
    assert_int_equal(count_of(1, 3, &first), SEGMENT_TERM_MAX);
    add(1, 3, 9999, 9999);
    assert_int_equal(count_of(1, 3, &first), DELTA_NUMBERS_MAX);
}

static void what_a_segment_holds_is_forgotten(void **state)
{
    (void)state;
    uint32_t first = 0;
    uint64_t *postings = NULL;
    size_t count = 0;
    for (uint32_t i = 1; i <= 100; i++) {
        add(1, 3, i, i);
        add(2, 3, i, i);
    }
    assert_int_equal(delta_postings(&postings, &count, delta, 1, 40, NULL),
                     STATUS_OK);
    assert_int_equal(count, 40);
    assert_int_equal(postings[39], posting_of(3, 40));
    free(postings);
    delta_forget(delta, 1, 40);
    assert_int_equal(count_of(1, 3, &first), 60);
    assert_int_equal(first, 41);
    assert_int_equal(count_of(2, 3, &first), 100);
    assert_int_equal(delta->posting_count, 160);
    delta_forget(delta, 1, 1000);
    assert_int_equal(count_of(1, 3, &first), 0);
}

static void removals_count_from_their_mark_on(void **state)
{
    (void)state;
    uint32_t *numbers = NULL;
    size_t count = 0;
    for (uint32_t i = 50; i > 0; i--) {
        assert_int_equal(delta_remove(delta, i * 2, i, NULL), STATUS_OK);
    }
    /* the first time counts */
    assert_int_equal(delta_remove(delta, 20, 99, NULL), STATUS_OK);
    assert_true(delta_is_removed(delta, 20, 10));
    assert_false(delta_is_removed(delta, 20, 9));
    assert_false(delta_is_removed(delta, 21, 99));
    assert_int_equal(delta_removals(&numbers, &count, delta, 10, NULL),
                     STATUS_OK);
    assert_int_equal(count, 10);
    assert_int_equal(numbers[9], 20);
    free(numbers);
    delta_forget_removals(delta, 10);
    assert_false(delta_is_removed(delta, 20, 99));
    assert_true(delta_is_removed(delta, 22, 99));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(numbers_come_in_order_and_once),
        TEST(too_many_numbers_are_a_stop_term),
        TEST(what_a_segment_holds_is_forgotten),
        TEST(removals_count_from_their_mark_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
