/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written is read, bytes are as FORMAT.md says, and what is no segment
 * is refused. */
#include "catalog/releases/index/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int compare_postings(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Postings of chance, each once: numbers 1 to number_max, rests below
 * rest_count. Returns how many. */
static size_t make_postings(uint64_t *out, size_t count, uint64_t seed,
                            uint32_t rest_count, uint32_t number_max)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t rest = (uint16_t)(next_random(&seed) % rest_count);
        uint32_t number = (uint32_t)(next_random(&seed) % number_max + 1);
        out[i] = posting_of(rest, number);
    }
    qsort(out, count, sizeof *out, compare_postings);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || out[kept - 1] != out[i]) {
            out[kept++] = out[i];
        }
    }
    return kept;
}

static void assert_written_is_read(const uint64_t *postings, size_t count)
{
    static const uint16_t stops[] = {3, 700, 65535};
    struct buffer bytes = {0};
    struct segment_map map;
    uint64_t *again = NULL;
    size_t again_count = 0;
    assert_int_equal(segment_write(&bytes, postings, count, stops, 3, 99, NULL),
                     STATUS_OK);
    assert_int_equal(segment_map_read(&map, bytes.bytes, bytes.length, NULL),
                     STATUS_OK);
    assert_int_equal(map.head.mark, 99);
    assert_int_equal(segment_bytes(&map), bytes.length);
    assert_true(segment_is_stop(&map, 700) && segment_is_stop(&map, 65535));
    assert_false(segment_is_stop(&map, 701));
    assert_int_equal(segment_postings(&again, &again_count, &map, bytes.bytes,
                                      bytes.length, NULL),
                     STATUS_OK);
    assert_int_equal(again_count, count);
    assert_memory_equal(again, postings, count * sizeof *again);
    /* one term at a time, from its bucket alone */
    for (size_t from = 0, until = 0; from < count; from = until) {
        uint32_t numbers[SEGMENT_TERM_MAX];
        size_t number_count = 0;
        uint16_t rest = posting_rest(postings[from]);
        uint32_t bucket = segment_bucket(&map, rest);
        assert_int_equal(
            segment_numbers(
                &map.head, rest, bytes.bytes + segment_offset(&map, bucket),
                segment_length(&map, bucket), numbers, &number_count, NULL),
            STATUS_OK);
        for (; until < count && posting_rest(postings[until]) == rest;
             until++) {
            assert_true(until - from < number_count);
            assert_int_equal(numbers[until - from],
                             posting_number(postings[until]));
        }
        assert_int_equal(number_count, until - from);
    }
    free(again);
    segment_map_clear(&map);
    buffer_clear(&bytes);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        uint32_t rest_count;
        uint32_t number_max;
    } shapes[] = {
        {0, 1, 1},
        {1, 65536, 1},
        {1, 65536, UINT32_MAX},
        {2, 1, UINT32_MAX},
        {900, 1, 1000},
        {1000, 65536, 20},
        {30000, 65536, 1000000},
        {30000, 100, 1000000},
        {60000, 65536, UINT32_MAX},
    };
    uint64_t *postings = calloc(60000, sizeof *postings);
    assert_non_null(postings);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        size_t count =
            make_postings(postings, shapes[i].count, i + 1,
                          shapes[i].rest_count, shapes[i].number_max);
        assert_written_is_read(postings, count);
    }
    free(postings);
}

/* All the postings that a segment may have for 40 neighbouring terms: too many
 * for the 16 bits of one bucket's length. */
static void crowded_buckets_are_split(void **state)
{
    (void)state;
    enum { TERMS = 64, NUMBERS = SEGMENT_TERM_MAX };
    uint64_t *postings = calloc((size_t)TERMS * NUMBERS, sizeof *postings);
    assert_non_null(postings);
    for (size_t i = 0; i < (size_t)TERMS * NUMBERS; i++) {
        postings[i] = posting_of((uint16_t)(i / NUMBERS),
                                 (uint32_t)(i % NUMBERS) * 4000000U + 1);
    }
    assert_written_is_read(postings, (size_t)TERMS * NUMBERS);
    free(postings);
}

/* catalog/FORMAT.md, "Index segments", its example. */
static void bytes_are_as_documented(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        'R',  'F', 'I', 'X', 1, 0, 2, 17,       /* buckets, number, Rice bits */
        1,    0,   0,   0,   1, 0, 0, 0,        /* postings, stop terms */
        7,    0,   0,   0,   0, 0, 0, 0,        /* mark */
        0,    0,   0,   0,   0, 0, 0, 0,  9, 0, /* stop term */
        3,    0,                                /* length of the bucket */
        0x2e, 0,   0xfc};
    const uint64_t posting = posting_of(5, 3);
    const uint16_t stop = 9;
    struct buffer bytes = {0};
    assert_int_equal(segment_write(&bytes, &posting, 1, &stop, 1, 7, NULL),
                     STATUS_OK);
    assert_int_equal(bytes.length, sizeof expected);
    assert_memory_equal(bytes.bytes, expected, sizeof expected);
    buffer_clear(&bytes);
}

/* Every byte of a segment that is cut off or other than it was: refused, or
 * read as some segment, but never read past its end (the sanitizers see it). */
static void damage_is_survived(void **state)
{
    (void)state;
    uint64_t postings[500];
    const uint16_t stop = 9;
    struct buffer bytes = {0};
    size_t count = make_postings(postings, 500, 5, 65536, 100000);
    assert_int_equal(segment_write(&bytes, postings, count, &stop, 1, 7, NULL),
                     STATUS_OK);
    size_t refused = 0;
    for (size_t i = 0; i < 2 * bytes.length; i++) {
        size_t length = i < bytes.length ? i : bytes.length;
        uint8_t *copy = malloc(length + 1);
        struct segment_map map;
        uint64_t *again = NULL;
        size_t again_count = 0;
        assert_non_null(copy);
        memcpy(copy, bytes.bytes, length);
        if (i >= bytes.length) {
            copy[i - bytes.length] ^= 0x55;
        }
        enum status status = segment_map_read(&map, copy, length, NULL);
        if (status == STATUS_OK) {
            status = segment_postings(&again, &again_count, &map, copy, length,
                                      NULL);
        }
        assert_true(status == STATUS_OK || status == STATUS_CORRUPT);
        assert_true(i >= bytes.length || status == STATUS_CORRUPT);
        refused += status == STATUS_CORRUPT;
        free(again);
        segment_map_clear(&map);
        free(copy);
    }
    assert_true(refused > bytes.length);
    buffer_clear(&bytes);
}

/* One to one: no two terms have one place. */
static void places_are_different(void **state)
{
    (void)state;
    enum { TERMS = 1 << 20 };
    uint8_t *seen = calloc((size_t)1 << (TERM_BITS - 3), 1);
    assert_non_null(seen);
    for (uint32_t i = 0; i < TERMS; i++) {
        struct place place = place_of(i);
        assert_true(place.segment < SEGMENT_COUNT);
        uint32_t all = place.segment << SEGMENT_REST_BITS | place.rest;
        assert_int_equal(seen[all / 8] & 1U << all % 8, 0);
        seen[all / 8] |= (uint8_t)(1U << all % 8);
    }
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(crowded_buckets_are_split),
        cmocka_unit_test(bytes_are_as_documented),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(places_are_different),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
