/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/takedown.h"
#include "catalog/releases/writer.h"
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct test_redis server;
static struct redis *redis;

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

static void hset(const char *key, const char *field, const char *value)
{
    const struct redis_arg args[] = {redis_text("HSET"), redis_text(key),
                                     redis_text(field), redis_text(value)};
    assert_int_equal(redis_call(redis, NULL, args, 4, NULL), STATUS_OK);
}

static struct recording sample(const char *id)
{
    struct recording recording = {
        .title = "Title \xc3\xa4 \"quoted\"\n",
        .artist = "Artist",
        .isrc = "DEA120345678",
        .advisory = ADVISORY_CLEAN,
        .duration_ms = 7200000,
        .release_id = "rel_1",
        .release_title = "Release",
        .master_sha256 = "ab",
        .master_name = "ab/ab.aiff",
        .container = CONTAINER_AIFF,
        .size_bytes = UINT64_C(9000000000),
    };
    (void)snprintf(recording.id, sizeof recording.id, "%s", id);
    return recording;
}

static enum status store(struct redis *with, struct recording *recording)
{
    uint32_t values[] = {1, 2, 3};
    const struct terms terms = {values, 3};
    uint8_t bytes[] = {1, 2, 3};
    const struct buffer print = {bytes, sizeof bytes, sizeof bytes};
    const struct tags tags = {.title = "Raw", .disc = 2, .track = 7};
    return recording_store(with, recording, &tags, &print, &terms, NULL);
}

static void recording_comes_back_as_it_was(void **state)
{
    (void)state;
    struct recording wanted = sample("rec_1");
    assert_int_equal(store(redis, &wanted), STATUS_OK);
    assert_int_equal(wanted.number, 1);
    struct recording got;
    assert_int_equal(recording_read(redis, "rec_1", &got, NULL), STATUS_OK);
    assert_string_equal(got.id, wanted.id);
    assert_string_equal(got.title, wanted.title);
    assert_string_equal(got.artist, wanted.artist);
    assert_string_equal(got.isrc, wanted.isrc);
    assert_int_equal(got.advisory, wanted.advisory);
    assert_int_equal(got.duration_ms, wanted.duration_ms);
    assert_string_equal(got.release_id, wanted.release_id);
    assert_string_equal(got.release_title, wanted.release_title);
    assert_string_equal(got.master_sha256, wanted.master_sha256);
    assert_string_equal(got.master_name, wanted.master_name);
    assert_int_equal(got.container, wanted.container);
    assert_true(got.size_bytes == wanted.size_bytes);
    struct tags tags;
    bool known = false;
    assert_int_equal(recording_known(redis, "rec_1", &got, &tags, &known, NULL),
                     STATUS_OK);
    assert_true(known);
    assert_string_equal(tags.title, "Raw");
    assert_string_equal(tags.album, "");
    assert_int_equal(tags.disc, 2);
    assert_int_equal(tags.track, 7);
}

static void numbers_are_dense_and_kept(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 5; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "rec_%u", (unsigned)i);
        for (int round = 0; round < 2; round++) {
            struct recording recording = sample(id);
            assert_int_equal(store(redis, &recording), STATUS_OK);
            assert_int_equal(recording.number, i);
        }
    }
}

struct claim {
    pthread_t thread;
    uint32_t number;
};

static void *claim_number(void *argument)
{
    struct claim *claim = argument;
    struct redis *own = test_redis_open(&server);
    struct recording recording = sample("rec_same");
    if (store(own, &recording) == STATUS_OK) {
        claim->number = recording.number;
    }
    redis_close(own);
    return NULL;
}

static void two_that_store_one_recording_agree_on_its_number(void **state)
{
    (void)state;
    enum { CLAIMS = 8 };
    struct claim claims[CLAIMS] = {0};
    for (int i = 0; i < CLAIMS; i++) {
        assert_int_equal(
            pthread_create(&claims[i].thread, NULL, claim_number, &claims[i]),
            0);
    }
    for (int i = 0; i < CLAIMS; i++) {
        assert_int_equal(pthread_join(claims[i].thread, NULL), 0);
        assert_true(claims[i].number > 0);
        assert_int_equal(claims[i].number, claims[0].number);
    }
}

static void unknown_things_are_not_found(void **state)
{
    (void)state;
    struct recording recording;
    struct release release;
    struct fingerprint print;
    struct error err = {0};
    static const char *const ids[] = {"rec_none", "", "../../etc/passwd", "a b",
                                      "{a:1}"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_int_equal(recording_read(redis, ids[i], &recording, &err),
                         STATUS_NOT_FOUND);
        assert_string_equal(err.code, "no_recording");
        assert_int_equal(release_read(redis, ids[i], &release, &err),
                         STATUS_NOT_FOUND);
        assert_string_equal(err.code, "no_release");
    }
    assert_int_equal(recording_by_number(redis, 7, &recording, &err),
                     STATUS_NOT_FOUND);
    assert_int_equal(recording_print(redis, 7, &print, &err), STATUS_NOT_FOUND);
}

static void recording_that_is_being_written_is_not_there_yet(void **state)
{
    (void)state;
    hset("recording:rec_1", "number", "1");
    struct recording recording;
    struct tags tags;
    bool known = true;
    assert_int_equal(recording_read(redis, "rec_1", &recording, NULL),
                     STATUS_NOT_FOUND);
    assert_int_equal(
        recording_known(redis, "rec_1", &recording, &tags, &known, NULL),
        STATUS_OK);
    assert_false(known);
}

static void damaged_recordings_are_corrupt(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        const char *value;
    } damages[] = {{"v", "2"},         {"number", "0"},
                   {"number", "-1"},   {"number", "4294967296"},
                   {"container", "8"}, {"advisory", "3"},
                   {"size", "-5"},     {"isrc", "0123456789abcdef"}};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        assert_int_equal(empty(NULL), 0);
        struct recording recording = sample("rec_1");
        assert_int_equal(store(redis, &recording), STATUS_OK);
        hset("recording:rec_1", damages[i].field, damages[i].value);
        struct error err = {0};
        assert_int_equal(recording_read(redis, "rec_1", &recording, &err),
                         STATUS_CORRUPT);
        assert_string_equal(err.code, "recording_record");
    }
    struct fingerprint print;
    assert_int_equal(recording_print(redis, 1, &print, NULL), STATUS_CORRUPT);
}

static struct release_track sample_tracks[] = {
    {1, 1, "rec_a"}, {1, 2, "rec_b"}, {2, 1, "rec_a"}};

static struct release sample_release(const char *id, int64_t loaded_ms)
{
    struct release release = {.title = "Title",
                              .artist = "Artist",
                              .barcode = "4006381333931",
                              .date = "2003",
                              .cover_name = "ab/ab.png",
                              .loaded_ms = loaded_ms,
                              .tracks = sample_tracks,
                              .track_count = 3};
    (void)snprintf(release.id, sizeof release.id, "%s", id);
    return release;
}

static void release_comes_back_as_it_was(void **state)
{
    (void)state;
    struct release wanted = sample_release("rel_1", 42);
    assert_int_equal(release_store(redis, &wanted, NULL), STATUS_OK);
    struct release got;
    assert_int_equal(release_read(redis, "rel_1", &got, NULL), STATUS_OK);
    assert_string_equal(got.title, wanted.title);
    assert_string_equal(got.artist, wanted.artist);
    assert_string_equal(got.barcode, wanted.barcode);
    assert_string_equal(got.date, wanted.date);
    assert_string_equal(got.cover_name, wanted.cover_name);
    assert_int_equal(got.loaded_ms, 42);
    assert_int_equal(got.track_count, 3);
    assert_memory_equal(got.tracks, sample_tracks, sizeof sample_tracks);
    release_clear(&got);
    wanted.cover_name[0] = '\0';
    assert_int_equal(release_store(redis, &wanted, NULL), STATUS_OK);
    assert_int_equal(release_read(redis, "rel_1", &got, NULL), STATUS_OK);
    assert_string_equal(got.cover_name, "");
    release_clear(&got);
}

static void damaged_releases_are_corrupt(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        const char *value;
    } damages[] = {{"v", "9"},
                   {"track_count", "2"},
                   {"track_count", "4"},
                   {"track_count", "4001"},
                   {"tracks", ""},
                   {"tracks", "1 1 rec_a\n1 2 rec_b\n2 1 rec_a"},
                   {"tracks", "1 1 rec_a\n1 x rec_b\n2 1 rec_a\n"},
                   {"tracks", "1 1 rec_a\n1 2 ../..\n2 1 rec_a\n"}};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct release wanted = sample_release("rel_1", 42);
        assert_int_equal(release_store(redis, &wanted, NULL), STATUS_OK);
        hset("release:rel_1", damages[i].field, damages[i].value);
        struct release got;
        struct error err = {0};
        assert_int_equal(release_read(redis, "rel_1", &got, &err),
                         STATUS_CORRUPT);
        assert_string_equal(err.code, "release_record");
        assert_null(got.tracks);
    }
}

static void list_goes_page_by_page_in_order_of_loading(void **state)
{
    (void)state;
    enum { COUNT = 25, PAGE = 10 };
    for (int i = COUNT; i > 0; i--) {
        char id[16];
        (void)snprintf(id, sizeof id, "rel_%d", i);
        struct release release = sample_release(id, 1000 + i);
        assert_int_equal(release_store(redis, &release, NULL), STATUS_OK);
    }
    uint64_t cursor = 0;
    int seen = 0;
    do {
        struct release *list = NULL;
        size_t count = 0;
        assert_int_equal(
            release_list(redis, cursor, PAGE, &list, &count, &cursor, NULL),
            STATUS_OK);
        assert_true(count <= PAGE);
        for (size_t i = 0; i < count; i++) {
            char id[16];
            (void)snprintf(id, sizeof id, "rel_%d", ++seen);
            assert_string_equal(list[i].id, id);
            assert_int_equal(list[i].loaded_ms, 1000 + seen);
            assert_int_equal(list[i].track_count, 3);
            assert_null(list[i].tracks);
        }
        free(list);
    } while (cursor != 0);
    assert_int_equal(seen, COUNT);
}

static void list_past_its_end_is_empty(void **state)
{
    (void)state;
    static const uint64_t cursors[] = {0, 1, 1000, UINT64_MAX};
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
        struct release *list = NULL;
        size_t count = 99;
        uint64_t next = 99;
        assert_int_equal(release_list(redis, cursors[i], RELEASE_LIST_MAX,
                                      &list, &count, &next, NULL),
                         STATUS_OK);
        assert_int_equal(count, 0);
        assert_int_equal(next, 0);
        free(list);
    }
}

/* ---- taken down ---- */

static void what_is_taken_down_is_found_by_no_query(void **state)
{
    struct recording recording = sample("rec_1");
    struct recording got;
    struct fingerprint print = {0};
    struct tags tags;
    bool known = true;
    (void)state;
    assert_int_equal(store(redis, &recording), STATUS_OK);
    for (int round = 0; round < 2; round++) { /* done twice is done once */
        assert_int_equal(recording_take_down(redis, "rec_1", NULL), STATUS_OK);
        assert_int_equal(recording_by_number(redis, 1, &got, NULL),
                         STATUS_NOT_FOUND);
        assert_int_equal(recording_print(redis, 1, &print, NULL),
                         STATUS_NOT_FOUND);
        assert_int_equal(recording_read(redis, "rec_1", &got, NULL), STATUS_OK);
        assert_int_equal(got.number, 0);
        assert_string_equal(got.master_name, recording.master_name);
        assert_int_equal(
            recording_known(redis, "rec_1", &got, &tags, &known, NULL),
            STATUS_OK);
        assert_false(known);
    }
    assert_int_equal(store(redis, &recording), STATUS_OK);
    assert_int_equal(recording.number, 2); /* a removed number is not filed */
    assert_int_equal(recording_by_number(redis, 2, &got, NULL), STATUS_OK);
    assert_int_equal(recording_take_down(redis, "rec_2", NULL),
                     STATUS_NOT_FOUND);
}

static void store_release(const char *id, const char *const *recordings,
                          size_t count)
{
    struct release_track tracks[4] = {0};
    struct release release = {
        .title = "R", .loaded_ms = 5, .tracks = tracks, .track_count = count};
    for (size_t i = 0; i < count; i++) {
        struct recording recording = sample(recordings[i]);
        assert_int_equal(store(redis, &recording), STATUS_OK);
        tracks[i].disc = 1;
        tracks[i].track = (uint32_t)i + 1;
        (void)snprintf(tracks[i].recording_id, ID_SIZE, "%s", recordings[i]);
    }
    (void)snprintf(release.id, sizeof release.id, "%s", id);
    assert_int_equal(release_store(redis, &release, NULL), STATUS_OK);
}

static uint32_t number_of(const char *recording_id)
{
    struct recording recording;
    assert_int_equal(recording_read(redis, recording_id, &recording, NULL),
                     STATUS_OK);
    return recording.number;
}

static void a_release_leaves_what_others_have(void **state)
{
    struct taken_down down;
    struct release release;
    (void)state;
    store_release("rel_1", (const char *const[]){"rec_b", "rec_a", "rec_b"}, 3);
    store_release("rel_2", (const char *const[]){"rec_b", "rec_c"}, 2);
    assert_int_equal(release_take_down(redis, "rel_1", &down, NULL), STATUS_OK);
    assert_int_equal(down.recording_count, 1);
    assert_int_equal(down.kept_count, 1);
    assert_int_equal(number_of("rec_a"), 0);
    assert_true(number_of("rec_b") > 0 && number_of("rec_c") > 0);
    assert_int_equal(release_read(redis, "rel_1", &release, NULL),
                     STATUS_NOT_FOUND);
    assert_int_equal(release_take_down(redis, "rel_1", &down, NULL),
                     STATUS_NOT_FOUND);
    assert_int_equal(release_take_down(redis, "rel_2", &down, NULL), STATUS_OK);
    assert_int_equal(down.recording_count, 2);
    assert_int_equal(number_of("rec_b"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty)
    const struct CMUnitTest tests[] = {
        TEST(recording_comes_back_as_it_was),
        TEST(numbers_are_dense_and_kept),
        TEST(two_that_store_one_recording_agree_on_its_number),
        TEST(unknown_things_are_not_found),
        TEST(recording_that_is_being_written_is_not_there_yet),
        TEST(damaged_recordings_are_corrupt),
        TEST(release_comes_back_as_it_was),
        TEST(damaged_releases_are_corrupt),
        TEST(list_goes_page_by_page_in_order_of_loading),
        TEST(list_past_its_end_is_empty),
        TEST(what_is_taken_down_is_found_by_no_query),
        TEST(a_release_leaves_what_others_have),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
