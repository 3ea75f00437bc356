/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/terms.h"
#include "tests/support/pattern.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 2000 };
static uint32_t items[ITEMS];

static struct terms index_of(size_t first, size_t count)
{
    struct terms terms;
    const struct fingerprint print = {.items = items + first,
                                      .item_count = count};
    assert_int_equal(terms_for_index(&terms, &print, NULL), STATUS_OK);
    return terms;
}

static struct terms query_of(size_t first, size_t count)
{
    struct terms terms;
    const struct fingerprint print = {.items = items + first,
                                      .item_count = count};
    assert_int_equal(terms_for_query(&terms, &print, NULL), STATUS_OK);
    return terms;
}

static size_t count_shared(const struct terms *a, const struct terms *b)
{
    size_t shared = 0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        shared += a->values[i] == b->values[j];
        uint32_t left = a->values[i];
        i += left <= b->values[j];
        j += b->values[j] <= left;
    }
    return shared;
}

static void assert_ascending(const struct terms *terms)
{
    for (size_t i = 0; i < terms->count; i++) {
        assert_true(terms->values[i] < 1U << TERM_BITS);
        assert_true(i == 0 || terms->values[i - 1] < terms->values[i]);
    }
}

static int fill(void **state)
{
    (void)state;
    pattern_fill((uint8_t *)items, sizeof items, 11);
    return 0;
}

static void are_ascending_and_within_28_bits(void **state)
{
    struct terms index = index_of(0, ITEMS);
    struct terms query = query_of(0, ITEMS);
    (void)state;
    assert_ascending(&index);
    assert_ascending(&query);
    terms_clear(&index);
    terms_clear(&query);
}

static void a_query_asks_for_all_that_was_filed(void **state)
{
    (void)state;
    for (size_t count = 0; count < 200; count++) {
        struct terms index = index_of(0, count);
        struct terms query = query_of(0, count);
        assert_int_equal(count_shared(&index, &query), index.count);
        assert_true(count == 0 || index.count > 0);
        terms_clear(&index);
        terms_clear(&query);
    }
}

/* Winnowing, theorem: what shares a window shares its term. */
static void a_shared_window_is_found_wherever_it_lies(void **state)
{
    struct terms index = index_of(0, ITEMS);
    (void)state;
    for (size_t first = 0; first + TERM_WINDOW_ITEMS <= ITEMS; first += 7) {
        struct terms query = query_of(first, TERM_WINDOW_ITEMS);
        assert_true(count_shared(&index, &query) >= 1);
        terms_clear(&query);
    }
    terms_clear(&index);
}

/* Of w random values one of 2 / (w + 1) is chosen (the paper's density). */
static void files_few_of_them(void **state)
{
    struct terms index = index_of(0, ITEMS);
    (void)state;
    assert_in_range(index.count, ITEMS / TERM_WINDOW_ITEMS,
                    ITEMS * 2 / TERM_WINDOW_ITEMS * 2);
    terms_clear(&index);
}

static void silence_has_no_term(void **state)
{
    uint32_t quiet[100];
    struct terms terms;
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        quiet[i] = FINGERPRINT_SILENCE ^ (uint32_t)(i % 4); /* the low bits */
    }
    const struct fingerprint print = {.items = quiet, .item_count = 100};
    assert_int_equal(terms_for_query(&terms, &print, NULL), STATUS_OK);
    assert_int_equal(terms.count, 0);
    terms_clear(&terms);
    assert_int_equal(terms_for_index(&terms, &print, NULL), STATUS_OK);
    assert_int_equal(terms.count, 0);
    terms_clear(&terms);
}

static void different_items_have_different_terms(void **state)
{
    enum { COUNT = 1 << 16 };
    uint32_t *all = malloc(COUNT * sizeof *all);
    struct terms terms;
    (void)state;
    assert_non_null(all);
    for (uint32_t i = 0; i < COUNT; i++) {
        all[i] = i << 4 | 0x5;
    }
    const struct fingerprint print = {.items = all, .item_count = COUNT};
    assert_int_equal(terms_for_query(&terms, &print, NULL), STATUS_OK);
    assert_int_equal(terms.count, COUNT);
    terms_clear(&terms);
    free(all);
}

static bool is_in(const struct terms *terms, uint32_t term)
{
    for (size_t i = 0; i < terms->count; i++) {
        if (terms->values[i] == term) {
            return true;
        }
    }
    return false;
}

/* Of one item, by its definition: each upper bit turned over. */
static void neighbours_differ_in_one_bit(void **state)
{
    uint32_t item = 0x12345678;
    const struct fingerprint print = {.items = &item, .item_count = 1};
    struct terms neighbours;
    (void)state;
    assert_int_equal(terms_neighbours(&neighbours, &print, NULL), STATUS_OK);
    assert_int_equal(neighbours.count, TERM_BITS);
    assert_ascending(&neighbours);
    for (int bit = 32 - TERM_BITS; bit < 32; bit++) {
        uint32_t other = item ^ 1U << bit;
        const struct fingerprint one = {.items = &other, .item_count = 1};
        struct terms term;
        assert_int_equal(terms_for_query(&term, &one, NULL), STATUS_OK);
        assert_true(is_in(&neighbours, term.values[0]));
        terms_clear(&term);
    }
    terms_clear(&neighbours);
}

/* Of many items the smallest neighbours, as many as are allowed, without the
 * print's own terms. */
static void neighbours_are_bounded_to_the_smallest(void **state)
{
    const struct fingerprint whole = {.items = items, .item_count = ITEMS};
    struct terms own = query_of(0, ITEMS);
    struct terms all;
    (void)state;
    assert_int_equal(terms_neighbours(&all, &whole, NULL), STATUS_OK);
    assert_in_range(all.count, TERMS_NEIGHBOURS_MAX - 100,
                    TERMS_NEIGHBOURS_MAX);
    assert_ascending(&all);
    assert_int_equal(count_shared(&all, &own), 0);
    for (size_t i = 0; i < ITEMS; i += 100) {
        const struct fingerprint one = {.items = items + i, .item_count = 1};
        struct terms few;
        assert_int_equal(terms_neighbours(&few, &one, NULL), STATUS_OK);
        for (size_t j = 0; j < few.count; j++) {
            uint32_t term = few.values[j];
            assert_int_equal(is_in(&all, term),
                             term <= all.values[all.count - 1] &&
                                 !is_in(&own, term));
        }
        terms_clear(&few);
    }
    terms_clear(&all);
    terms_clear(&own);
}

static void silence_has_no_neighbours(void **state)
{
    uint32_t quiet[2] = {FINGERPRINT_SILENCE, FINGERPRINT_SILENCE};
    const struct fingerprint print = {.items = quiet, .item_count = 2};
    struct terms neighbours;
    (void)state;
    assert_int_equal(terms_neighbours(&neighbours, &print, NULL), STATUS_OK);
    assert_int_equal(neighbours.count, 0);
    terms_clear(&neighbours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_ascending_and_within_28_bits),
        cmocka_unit_test(a_query_asks_for_all_that_was_filed),
        cmocka_unit_test(a_shared_window_is_found_wherever_it_lies),
        cmocka_unit_test(files_few_of_them),
        cmocka_unit_test(silence_has_no_term),
        cmocka_unit_test(different_items_have_different_terms),
        cmocka_unit_test(neighbours_differ_in_one_bit),
        cmocka_unit_test(neighbours_are_bounded_to_the_smallest),
        cmocka_unit_test(silence_has_no_neighbours),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
