/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/keys.h"
#include "catalog/releases/index.h"
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 600, RECORDINGS = 60 };

static struct test_redis server;
static struct redis *redis;

/* Marsaglia's xorshift32: the same songs in every run. */
static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* A made-up song: each number its own. */
static struct fingerprint song(uint32_t number)
{
    struct fingerprint print = {.items = calloc(ITEMS, sizeof(uint32_t)),
                                .levels = calloc(ITEMS, 1),
                                .item_count = ITEMS};
    assert_non_null(print.items);
    uint32_t seed = number * 2654435761U + 1;
    for (size_t i = 0; i < ITEMS; i++) {
        print.items[i] = next_random(&seed);
    }
    return print;
}

static void free_song(struct fingerprint *print)
{
    free(print->items);
    free(print->levels);
}

static void add(uint32_t number, uint32_t song_number)
{
    struct fingerprint print = song(song_number);
    struct terms terms = {0};
    assert_int_equal(terms_for_index(&terms, &print, NULL), STATUS_OK);
    assert_int_equal(index_add(redis, number, &terms, NULL), STATUS_OK);
    terms_clear(&terms);
    free_song(&print);
}

static size_t find(uint32_t song_number, struct candidate out[CANDIDATES_MAX])
{
    struct fingerprint print = song(song_number);
    struct terms terms = {0};
    size_t count = 99;
    assert_int_equal(terms_for_query(&terms, &print, NULL), STATUS_OK);
    assert_int_equal(index_find(redis, &terms, out, &count, NULL), STATUS_OK);
    terms_clear(&terms);
    free_song(&print);
    return count;
}

static int setup(void **state)
{
    (void)state;
    test_redis_start(&server);
    redis = test_redis_open(&server);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_close(redis);
    test_redis_stop(&server);
    return 0;
}

static int empty(void **state)
{
    (void)state;
    const struct redis_arg flush = redis_text("FLUSHALL");
    return redis_call(redis, NULL, &flush, 1, NULL) == STATUS_OK ? 0 : -1;
}

static void empty_index_has_no_candidates(void **state)
{
    (void)state;
    struct candidate found[CANDIDATES_MAX];
    assert_int_equal(find(1, found), 0);
    struct terms none = {0};
    size_t count = 99;
    assert_int_equal(index_find(redis, &none, found, &count, NULL), STATUS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(index_add(redis, 1, &none, NULL), STATUS_OK);
}

static void every_recording_is_first_for_itself(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= RECORDINGS; i++) {
        add(i, i);
    }
    for (uint32_t i = 1; i <= RECORDINGS; i++) {
        struct candidate found[CANDIDATES_MAX];
        assert_true(find(i, found) >= 1);
        assert_int_equal(found[0].number, i);
        /* all that is filed is asked for: about 2 / 33 of the items */
        assert_true(found[0].term_count >= ITEMS / 32);
    }
}

static void filing_twice_changes_no_answer(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 5; i++) {
        add(i, i);
    }
    struct candidate before[CANDIDATES_MAX];
    size_t count = find(3, before);
    add(3, 3);
    add(3, 3);
    struct candidate after[CANDIDATES_MAX];
    assert_int_equal(find(3, after), count);
    assert_memory_equal(after, before, count * sizeof *after);
}

static void best_come_first_and_no_more_than_asked_for(void **state)
{
    (void)state;
    /* recording i is filed under the first i of 40 terms */
    uint32_t values[40];
    for (uint32_t i = 0; i < 40; i++) {
        values[i] = i * 70001;
    }
    for (uint32_t i = 1; i <= 40; i++) {
        const struct terms terms = {values, i};
        assert_int_equal(index_add(redis, i, &terms, NULL), STATUS_OK);
    }
    const struct terms all = {values, 40};
    struct candidate found[CANDIDATES_MAX];
    size_t count = 0;
    assert_int_equal(index_find(redis, &all, found, &count, NULL), STATUS_OK);
    assert_int_equal(count, CANDIDATES_MAX);
    for (uint32_t i = 0; i < CANDIDATES_MAX; i++) {
        assert_int_equal(found[i].number, 40 - i);
        assert_int_equal(found[i].term_count, 40 - i);
    }
}

static void terms_of_one_bucket_are_told_apart(void **state)
{
    (void)state;
    uint32_t first[] = {0x000001, 0x010001, 0xff0001};
    uint32_t second[] = {0x020001};
    const struct terms a = {first, 3};
    const struct terms b = {second, 1};
    assert_int_equal(index_add(redis, 7, &a, NULL), STATUS_OK);
    assert_int_equal(index_add(redis, 8, &b, NULL), STATUS_OK);
    struct candidate found[CANDIDATES_MAX];
    size_t count = 0;
    assert_int_equal(index_find(redis, &b, found, &count, NULL), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(found[0].number, 8);
    assert_int_equal(index_find(redis, &a, found, &count, NULL), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(found[0].number, 7);
    assert_int_equal(found[0].term_count, 3);
}

static void term_of_everybody_has_no_vote(void **state)
{
    (void)state;
    uint32_t common[] = {5};
    uint32_t own[] = {5, 6};
    const struct terms everybody = {common, 1};
    const struct terms one = {own, 2};
    struct candidate found[CANDIDATES_MAX];
    size_t count = 0;
    for (uint32_t i = 1; i <= INDEX_TERM_RECORDINGS_MAX; i++) {
        assert_int_equal(index_add(redis, i, i == 3 ? &one : &everybody, NULL),
                         STATUS_OK);
    }
    assert_int_equal(index_find(redis, &one, found, &count, NULL), STATUS_OK);
    assert_int_equal(found[0].number, 3);
    assert_int_equal(found[0].term_count, 2);
    assert_int_equal(
        index_add(redis, INDEX_TERM_RECORDINGS_MAX + 1, &everybody, NULL),
        STATUS_OK);
    assert_int_equal(index_find(redis, &one, found, &count, NULL), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(found[0].number, 3);
    assert_int_equal(found[0].term_count, 1);
}

/* catalog/FORMAT.md: ix:<lower 16 bits>, tag = upper 8 bits, number LE. */
static void bytes_are_as_documented(void **state)
{
    (void)state;
    uint32_t values[] = {0x12beef, 0x34beef};
    const struct terms terms = {values, 2};
    assert_int_equal(index_add(redis, 0x01020304, &terms, NULL), STATUS_OK);
    const struct redis_arg args[] = {redis_text("GET"), redis_text("ix:beef")};
    struct redis_reply *reply = NULL;
    assert_int_equal(redis_call(redis, &reply, args, 2, NULL), STATUS_OK);
    static const uint8_t expected[] = {0x12, 4, 3, 2, 1, 0x34, 4, 3, 2, 1};
    size_t length = 0;
    const char *bytes = redis_reply_bytes(reply, &length);
    assert_int_equal(length, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
    redis_reply_free(reply);
}

static void torn_bucket_is_corrupt_and_the_handle_stays_usable(void **state)
{
    (void)state;
    const struct redis_arg args[] = {redis_text("SET"), redis_text("ix:0005"),
                                     redis_text("1234567")};
    assert_int_equal(redis_call(redis, NULL, args, 3, NULL), STATUS_OK);
    uint32_t values[] = {5, 6, 7};
    const struct terms terms = {values, 3};
    struct candidate found[CANDIDATES_MAX];
    size_t count = 99;
    struct error err = {0};
    assert_int_equal(index_find(redis, &terms, found, &count, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.code, "index_bucket");
    assert_int_equal(count, 0);
    assert_int_equal(redis_call(redis, NULL, args, 3, NULL), STATUS_OK);
}

static void gone_redis_is_unavailable(void **state)
{
    (void)state;
    uint32_t values[] = {5, 6, 7};
    const struct terms terms = {values, 3};
    struct candidate found[CANDIDATES_MAX];
    size_t count = 99;
    test_redis_kill(&server);
    assert_int_equal(index_add(redis, 1, &terms, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(index_find(redis, &terms, found, &count, NULL),
                     STATUS_UNAVAILABLE);
    test_redis_restart(&server);
    assert_int_equal(index_find(redis, &terms, found, &count, NULL), STATUS_OK);
}

/* More terms than one batch, as of a long recording. */
static void long_recording_is_filed_whole(void **state)
{
    (void)state;
    enum { COUNT = 58200 };
    uint32_t *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    for (uint32_t i = 0; i < COUNT; i++) {
        values[i] = i * 288;
    }
    const struct terms terms = {values, COUNT};
    assert_int_equal(index_add(redis, 9, &terms, NULL), STATUS_OK);
    struct candidate found[CANDIDATES_MAX];
    size_t count = 0;
    assert_int_equal(index_find(redis, &terms, found, &count, NULL), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(found[0].term_count, COUNT);
    free(values);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty)
    const struct CMUnitTest tests[] = {
        TEST(empty_index_has_no_candidates),
        TEST(every_recording_is_first_for_itself),
        TEST(filing_twice_changes_no_answer),
        TEST(best_come_first_and_no_more_than_asked_for),
        TEST(terms_of_one_bucket_are_told_apart),
        TEST(term_of_everybody_has_no_vote),
        TEST(bytes_are_as_documented),
        TEST(torn_bucket_is_corrupt_and_the_handle_stays_usable),
        TEST(gone_redis_is_unavailable),
        TEST(long_recording_is_filed_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
