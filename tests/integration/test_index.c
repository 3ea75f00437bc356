/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is filed is found and what is removed is not, wherever it lies: in the
 * log, in the segments, mirrored or not; and what is damaged is said. */
#include "catalog/redis/keys.h"
#include "catalog/releases/index.h"
#include "catalog/releases/index/segment.h"
#include "tests/support/index.h"
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDINGS = 60, GRACE_MS = 2000 };

static struct test_redis server;
static struct redis *redis;
static struct index *handle;

static struct index *open_index(bool mirrored)
{
    struct index *index = NULL;
    const struct index_options options = {
        .address = server.address, .mirrored = mirrored, .grace_ms = GRACE_MS};
    assert_int_equal(index_open(&index, &options, NULL), STATUS_OK);
    return index;
}

static void reopen(bool mirrored)
{
    index_close(handle);
    handle = open_index(mirrored);
}

static void add(uint32_t number, uint32_t song)
{
    struct terms terms = test_song_filed(song);
    assert_int_equal(index_add(redis, number, &terms, NULL), STATUS_OK);
    terms_clear(&terms);
}

static struct index_found find_terms(const uint32_t *values, size_t count)
{
    struct index_found found;
    uint32_t copy[64];
    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++) {
        copy[i] = values[i];
    }
    const struct terms terms = {copy, count};
    const struct index_query query = {.terms = &terms};
    assert_int_equal(index_find(handle, redis, &query, &found, NULL),
                     STATUS_OK);
    assert_false(found.degraded);
    return found;
}

static struct index_found find_newer(uint32_t song, uint32_t newer_than)
{
    struct index_found found;
    struct terms terms = test_song_asked(song);
    const struct index_query query = {&terms, newer_than};
    struct error err = {0};
    if (index_find(handle, redis, &query, &found, &err) != STATUS_OK) {
        fail_msg("%s: %s", err.code, err.text);
    }
    assert_false(found.degraded);
    terms_clear(&terms);
    return found;
}

static struct index_found find(uint32_t song)
{
    return find_newer(song, 0);
}

static void merge(void)
{
    struct error err = {0};
    if (index_merge(handle, redis, &err) != STATUS_OK) {
        fail_msg("%s: %s", err.code, err.text);
    }
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

static int begin(void **state)
{
    (void)state;
    const struct redis_arg flush = redis_text("FLUSHALL");
    assert_int_equal(redis_call(redis, NULL, &flush, 1, NULL), STATUS_OK);
    handle = open_index(false);
    return 0;
}

static int end(void **state)
{
    (void)state;
    index_close(handle);
    handle = NULL;
    return 0;
}

static void empty_index_has_no_candidates(void **state)
{
    (void)state;
    assert_int_equal(find(1).count, 0);
    assert_int_equal(find_terms(NULL, 0).count, 0);
    const struct terms none = {0};
    assert_int_equal(index_add(redis, 1, &none, NULL), STATUS_OK);
    merge();
    assert_int_equal(find(1).count, 0);
}

static void assert_each_is_first_for_itself(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i <= to; i++) {
        struct index_found found = find(i);
        assert_true(found.count >= 1);
        assert_int_equal(found.candidates[0].number, i);
        /* what is filed is among what is asked: 2 / 33 of the items */
        assert_true(found.candidates[0].term_count >= 8);
    }
}

static void each_is_first_for_itself_wherever_it_lies(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= RECORDINGS; i++) {
        add(i, i);
    }
    assert_each_is_first_for_itself(1, RECORDINGS);
    merge();
    assert_each_is_first_for_itself(1, RECORDINGS);
    for (uint32_t i = RECORDINGS + 1; i <= 2 * RECORDINGS; i++) {
        add(i, i);
    }
    assert_each_is_first_for_itself(1, 2 * RECORDINGS);
    merge();
    assert_each_is_first_for_itself(1, 2 * RECORDINGS);
    reopen(false);
    assert_each_is_first_for_itself(1, 2 * RECORDINGS);
    reopen(true);
    assert_each_is_first_for_itself(1, 2 * RECORDINGS);
}

static void filing_twice_changes_no_answer(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 5; i++) {
        add(i, i);
    }
    struct index_found before = find(3);
    add(3, 3);
    struct index_found again = find(3);
    assert_memory_equal(&again, &before, sizeof again);
    merge();
    add(3, 3); /* in segment and log */
    again = find(3);
    assert_memory_equal(&again, &before, sizeof again);
    merge();
    again = find(3);
    assert_memory_equal(&again, &before, sizeof again);
}

static void removed_recordings_are_not_found(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 4; i++) {
        add(i, i);
    }
    merge();
    add(5, 5);
    assert_int_equal(index_remove(redis, 2, NULL), STATUS_OK);
    assert_int_equal(index_remove(redis, 5, NULL), STATUS_OK);
    assert_int_equal(index_remove(redis, 77, NULL), STATUS_OK); /* never was */
    for (int round = 0; round < 3; round++) {
        assert_int_equal(find(2).count, 0);
        assert_int_equal(find(5).count, 0);
        assert_each_is_first_for_itself(3, 4);
        if (round == 0) {
            merge();
        } else {
            reopen(true);
        }
    }
}

static void redelivery_is_the_new_one(void **state)
{
    (void)state;
    add(1, 1);
    merge();
    add(2, 1);
    assert_int_equal(index_remove(redis, 1, NULL), STATUS_OK);
    for (int round = 0; round < 2; round++) {
        struct index_found found = find(1);
        assert_int_equal(found.count, 1);
        assert_int_equal(found.candidates[0].number, 2);
        merge();
    }
}

static void only_newer_ones_when_asked_so(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 6; i++) {
        add(i, 9); /* the same song */
        if (i == 3) {
            merge();
        }
    }
    for (uint32_t newer_than = 0; newer_than <= 6; newer_than++) {
        struct index_found found = find_newer(9, newer_than);
        assert_int_equal(found.count, 6 - newer_than);
        for (size_t i = 0; i < found.count; i++) {
            assert_int_equal(found.candidates[i].number, newer_than + 1 + i);
        }
    }
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
    for (int round = 0; round < 2; round++) {
        struct index_found found = find_terms(values, 40);
        assert_int_equal(found.count, CANDIDATES_MAX);
        for (uint32_t i = 0; i < CANDIDATES_MAX; i++) {
            assert_int_equal(found.candidates[i].number, 40 - i);
            assert_int_equal(found.candidates[i].term_count, 40 - i);
        }
        merge();
    }
}

/* The first terms alone, when they are enough; all, when they are not. */
static void asks_no_more_than_it_needs(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static uint32_t values[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        values[i] = i * 50000; /* under a quarter of the range */
    }
    const struct terms asked = {values, COUNT};
    const struct terms low = {values, 100};
    const struct terms high = {values + 500, 100};
    const struct index_query query = {.terms = &asked};
    struct index_found found;
    assert_int_equal(index_add(redis, 1, &high, NULL), STATUS_OK);
    assert_int_equal(index_find(handle, redis, &query, &found, NULL),
                     STATUS_OK);
    assert_int_equal(found.asked_terms, INDEX_FIRST_TERMS * 16); /* 4 x 4 */
    assert_int_equal(found.candidates[0].term_count, 100);
    assert_int_equal(index_add(redis, 2, &low, NULL), STATUS_OK);
    assert_int_equal(index_find(handle, redis, &query, &found, NULL),
                     STATUS_OK);
    assert_int_equal(found.asked_terms, INDEX_FIRST_TERMS);
    assert_int_equal(found.candidates[0].number, 2);
    /* a twin leaves it open which one it is */
    assert_int_equal(index_add(redis, 3, &low, NULL), STATUS_OK);
    assert_int_equal(index_find(handle, redis, &query, &found, NULL),
                     STATUS_OK);
    assert_int_equal(found.asked_terms, COUNT);
    assert_int_equal(found.count, 3);
}

static void term_of_everybody_has_no_vote(void **state)
{
    (void)state;
    uint32_t own[] = {5, 6};
    const struct terms everybody = {own, 1};
    const struct terms one = {own, 2};
    for (uint32_t i = 1; i <= SEGMENT_TERM_MAX; i++) {
        assert_int_equal(index_add(redis, i, i == 3 ? &one : &everybody, NULL),
                         STATUS_OK);
        if (i == 400) {
            merge();
        }
    }
    struct index_found found = find_terms(own, 2);
    assert_int_equal(found.count, CANDIDATES_MAX);
    assert_int_equal(found.candidates[0].number, 3);
    assert_int_equal(found.candidates[0].term_count, 2);
    assert_int_equal(index_add(redis, 5000, &everybody, NULL), STATUS_OK);
    for (int round = 0; round < 3; round++) {
        found = find_terms(own, 2);
        assert_int_equal(found.count, 1);
        assert_int_equal(found.candidates[0].number, 3);
        assert_int_equal(found.candidates[0].term_count, 1);
        merge();
        /* once stopped, it stays so */
        assert_int_equal(index_add(redis, 6000, &everybody, NULL), STATUS_OK);
    }
}

static void mirror_answers_as_redis_does(void **state)
{
    (void)state;
    struct index *mirror = open_index(true);
    for (uint32_t i = 1; i <= 300; i++) {
        add(i, i % 200); /* some twins */
        if (i % 120 == 0) {
            merge();
        }
        if (i % 50 == 0) {
            assert_int_equal(index_remove(redis, i - 7, NULL), STATUS_OK);
        }
    }
    for (uint32_t song = 0; song < 220; song++) {
        struct terms terms = test_song_asked(song);
        const struct index_query query = {&terms, song % 3 == 0 ? 150 : 0};
        struct index_found remote;
        struct index_found mirrored;
        assert_int_equal(index_find(handle, redis, &query, &remote, NULL),
                         STATUS_OK);
        assert_int_equal(index_find(mirror, redis, &query, &mirrored, NULL),
                         STATUS_OK);
        assert_memory_equal(&remote, &mirrored, sizeof remote);
        terms_clear(&terms);
    }
    index_close(mirror);
}

/* The newest version of a segment that has something in it. */
static struct key some_segment(uint32_t song, uint32_t version)
{
    struct terms terms = test_song_filed(song);
    struct place place = place_of(terms.values[0]);
    terms_clear(&terms);
    return key_index_segment(place.segment, version);
}

static enum status status_of_find(uint32_t song, struct error *err)
{
    struct terms terms = test_song_asked(song);
    const struct index_query query = {.terms = &terms};
    struct index_found found;
    enum status status = index_find(handle, redis, &query, &found, err);
    assert_true(status == STATUS_OK || found.count == 0);
    terms_clear(&terms);
    return status;
}

static void missing_segment_is_said(void **state)
{
    (void)state;
    struct error err = {0};
    for (uint32_t i = 1; i <= 40; i++) {
        add(i, i);
    }
    merge();
    assert_int_equal(status_of_find(1, NULL), STATUS_OK);
    struct key key = some_segment(1, 1);
    const struct redis_arg args[] = {redis_text("DEL"), redis_text(key.text)};
    assert_int_equal(redis_call(redis, NULL, args, 2, NULL), STATUS_OK);
    assert_int_equal(status_of_find(1, &err), STATUS_CORRUPT);
    assert_string_equal(err.code, "index_segment");
    reopen(false);
    assert_int_equal(status_of_find(1, &err), STATUS_CORRUPT);
    assert_string_equal(err.code, "index_segment");
    assert_int_equal(index_merge(handle, redis, &err), STATUS_CORRUPT);
}

static void damaged_segment_is_said(void **state)
{
    (void)state;
    static const char *const damages[] = {"", "RFI",
                                          "no head at all, but long "
                                          "enough to have had one"};
    struct error err = {0};
    for (uint32_t i = 1; i <= 40; i++) {
        add(i, i);
    }
    merge();
    struct key key = some_segment(1, 1);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const struct redis_arg args[] = {
            redis_text("SET"), redis_text(key.text), redis_text(damages[i])};
        assert_int_equal(redis_call(redis, NULL, args, 3, NULL), STATUS_OK);
        reopen(i % 2 == 1);
        assert_int_equal(status_of_find(1, &err), STATUS_CORRUPT);
        assert_string_equal(err.code, "index_segment");
        /* the connection is as before */
        assert_int_equal(redis_call(redis, NULL, args, 3, NULL), STATUS_OK);
    }
}

static void foreign_log_entry_is_said(void **state)
{
    (void)state;
    static const char *const entries[][2] = {{"a", "abc"},
                                             {"a", ""},
                                             {"d", "12345678"},
                                             {"x", "1234"},
                                             {"a", "1234\xff\xff\xff\xff"}};
    struct key key = key_index_log();
    struct error err = {0};
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        const struct redis_arg args[] = {
            redis_text("XADD"), redis_text(key.text), redis_text("*"),
            redis_text(entries[i][0]), redis_text(entries[i][1])};
        const struct redis_arg end_args[] = {redis_text("DEL"),
                                             redis_text(key.text)};
        assert_int_equal(redis_call(redis, NULL, args, 5, NULL), STATUS_OK);
        assert_int_equal(status_of_find(1, &err), STATUS_CORRUPT);
        assert_string_equal(err.code, "index_log");
        assert_int_equal(redis_call(redis, NULL, end_args, 2, NULL), STATUS_OK);
        assert_int_equal(status_of_find(1, NULL), STATUS_OK);
    }
}

static void gone_redis_is_unavailable(void **state)
{
    (void)state;
    struct terms terms = test_song_filed(1);
    add(1, 1);
    merge();
    assert_int_equal(find(1).count, 1);
    test_redis_kill(&server);
    assert_int_equal(index_add(redis, 2, &terms, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(index_remove(redis, 2, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(status_of_find(1, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(index_merge(handle, redis, NULL), STATUS_UNAVAILABLE);
    test_redis_restart(&server);
    assert_int_equal(find(1).count, 1);
    terms_clear(&terms);
}

/* More terms than one pipeline holds, as of a long recording. */
static void long_recording_is_filed_whole(void **state)
{
    (void)state;
    enum { COUNT = 58200 };
    uint32_t *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    for (uint32_t i = 0; i < COUNT; i++) {
        values[i] = i * 1000; /* under a quarter of the range */
    }
    const struct terms terms = {values, COUNT};
    assert_int_equal(index_add(redis, 9, &terms, NULL), STATUS_OK);
    for (uint32_t from = 0; from + 4096 < COUNT; from += 4096) {
        const struct terms part = {values + from, 4096};
        const struct index_query query = {.terms = &part};
        struct index_found found;
        assert_int_equal(index_find(handle, redis, &query, &found, NULL),
                         STATUS_OK);
        assert_int_equal(found.count, 1);
        assert_int_equal(found.candidates[0].number, 9);
        /* 40 decide at once */
        assert_int_equal(found.candidates[0].term_count, INDEX_FIRST_TERMS);
        if (from == 0) {
            merge();
        }
    }
    free(values);
}

/* A process that lost its data, or was put back to an older state. */
static void an_index_that_was_lost_is_empty(void **state)
{
    (void)state;
    const struct redis_arg flush = redis_text("FLUSHALL");
    add(1, 1);
    merge();
    add(2, 2);
    assert_int_equal(find(2).count, 1);
    assert_int_equal(redis_call(redis, NULL, &flush, 1, NULL), STATUS_OK);
    assert_int_equal(find(1).count, 0);
    add(3, 1);
    assert_int_equal(find(1).candidates[0].number, 3);
    merge();
    assert_int_equal(find(1).candidates[0].number, 3);
}

static void store_print(uint32_t number, uint32_t song)
{
    uint32_t items[TEST_SONG_ITEMS];
    uint8_t levels[TEST_SONG_ITEMS] = {0};
    struct buffer packed = {0};
    struct key key = key_reference(number);
    const struct fingerprint print = {
        .items = items, .levels = levels, .item_count = TEST_SONG_ITEMS};
    test_song_items(items, song);
    assert_int_equal(fingerprint_pack(&packed, &print, NULL), STATUS_OK);
    const struct redis_arg args[] = {redis_text("SET"), redis_text(key.text),
                                     redis_bytes(packed.bytes, packed.length)};
    assert_int_equal(redis_call(redis, NULL, args, 3, NULL), STATUS_OK);
    buffer_clear(&packed);
}

/* Numbers 1 to 9, of which 4 was taken down. */
static void lost_index_is_restored_from_the_prints(void **state)
{
    (void)state;
    struct key numbers = key_numbers();
    struct key restoring = key_index_restoring();
    size_t filed = 99;
    const struct redis_arg set[] = {redis_text("SET"), redis_text(numbers.text),
                                    redis_text("9")};
    const struct redis_arg begun[] = {
        redis_text("SET"), redis_text(restoring.text), redis_text("1")};
    assert_int_equal(index_restore(redis, &filed, NULL), STATUS_OK);
    assert_int_equal(filed, 0); /* an empty catalog */
    assert_int_equal(redis_call(redis, NULL, set, 3, NULL), STATUS_OK);
    for (uint32_t i = 1; i <= 9; i++) {
        if (i != 4) {
            store_print(i, i);
        }
    }
    assert_int_equal(index_restore(redis, &filed, NULL), STATUS_OK);
    assert_int_equal(filed, 8);
    assert_each_is_first_for_itself(1, 3);
    assert_int_equal(find(4).count, 0);
    assert_each_is_first_for_itself(5, 9);
    assert_int_equal(index_restore(redis, &filed, NULL), STATUS_OK);
    assert_int_equal(filed, 0); /* it is there */
    merge();
    assert_int_equal(redis_call(redis, NULL, begun, 3, NULL), STATUS_OK);
    assert_int_equal(index_restore(redis, &filed, NULL), STATUS_OK);
    assert_int_equal(filed, 8); /* the one before was cut off */
    assert_each_is_first_for_itself(5, 9);
}

static void log_is_cut_and_old_versions_end(void **state)
{
    (void)state;
    struct redis_reply *reply = NULL;
    struct key log = key_index_log();
    struct key old = some_segment(1, 1);
    const struct redis_arg length[] = {redis_text("XLEN"),
                                       redis_text(log.text)};
    const struct redis_arg exists[] = {redis_text("EXISTS"),
                                       redis_text(old.text)};
    int64_t left = 1;
    for (uint32_t i = 1; i <= 10; i++) {
        add(i, i);
    }
    merge();
    add(11, 11);
    merge();
    assert_int_equal(redis_call(redis, &reply, exists, 2, NULL), STATUS_OK);
    assert_int_equal(redis_reply_integer(reply, -1), 1); /* for slow readers */
    redis_reply_free(reply);
    for (int i = 0; i < 100 && left > 0; i++) {
        test_sleep_ms(100);
        assert_int_equal(redis_call(redis, &reply, length, 2, NULL), STATUS_OK);
        left = redis_reply_integer(reply, -1);
        redis_reply_free(reply);
        assert_int_equal(redis_call(redis, &reply, exists, 2, NULL), STATUS_OK);
        left += redis_reply_integer(reply, -1);
        redis_reply_free(reply);
    }
    assert_int_equal(left,
                     1); /* number 11's: its merge came within the grace */
    reopen(false);
    assert_each_is_first_for_itself(1, 11);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(empty_index_has_no_candidates),
        TEST(each_is_first_for_itself_wherever_it_lies),
        TEST(filing_twice_changes_no_answer),
        TEST(removed_recordings_are_not_found),
        TEST(redelivery_is_the_new_one),
        TEST(only_newer_ones_when_asked_so),
        TEST(best_come_first_and_no_more_than_asked_for),
        TEST(asks_no_more_than_it_needs),
        TEST(term_of_everybody_has_no_vote),
        TEST(mirror_answers_as_redis_does),
        TEST(missing_segment_is_said),
        TEST(damaged_segment_is_said),
        TEST(foreign_log_entry_is_said),
        TEST(gone_redis_is_unavailable),
        TEST(long_recording_is_filed_whole),
        TEST(an_index_that_was_lost_is_empty),
        TEST(lost_index_is_restored_from_the_prints),
        TEST(log_is_cut_and_old_versions_end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
