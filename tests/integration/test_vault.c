/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what is stored comes back, whole and in any part; equal audio is stored
 * once; the store says nothing about whose or what it holds. */
#include "tests/support/pattern.h"
#include "tests/support/vault.h"

#include "catalog/id.h"
#include "catalog/vault/chunker.h"
#include "catalog/vault/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1024 * 1024)
enum { SONG_BYTES = 5 * MIB + 12345, HOUR_S = 60 * 60 };

struct fixture {
    struct test_vault tv;
    uint8_t song[SONG_BYTES + 8192];
    uint8_t back[SONG_BYTES];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    test_vault_open(&fixture->tv);
    pattern_fill(fixture->song, sizeof fixture->song, 5);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    test_vault_close(&fixture->tv);
    free(fixture);
    return 0;
}

static size_t object_count(const struct fixture *fixture)
{
    struct test_objects objects;
    test_objects_list(&objects, fixture->tv.folder);
    size_t count = objects.count;
    test_objects_clear(&objects);
    return count;
}

static void every_length_comes_back(void **state)
{
    struct fixture *fixture = *state;
    static const size_t lengths[] = {0,
                                     1,
                                     16383,
                                     16384,
                                     16385,
                                     CHUNKER_MIN_BYTES - 1,
                                     CHUNKER_MIN_BYTES,
                                     CHUNKER_MIN_BYTES + 1,
                                     CHUNKER_NORMAL_BYTES - 1,
                                     CHUNKER_NORMAL_BYTES,
                                     CHUNKER_NORMAL_BYTES + 1,
                                     CHUNKER_MAX_BYTES - 1,
                                     CHUNKER_MAX_BYTES,
                                     CHUNKER_MAX_BYTES + 1,
                                     4 * MIB - 1,
                                     4 * MIB,
                                     4 * MIB + 1,
                                     SONG_BYTES};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct buffer manifest = {0};
        test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, lengths[i],
                       &manifest);
        test_vault_expect(&fixture->tv, &TEST_OWNER, &manifest, fixture->song,
                          lengths[i]);
        buffer_clear(&manifest);
    }
    assert_int_equal(test_leftovers(fixture->tv.folder), 0);
}

static void an_empty_file_needs_no_object(void **state)
{
    struct fixture *fixture = *state;
    struct buffer manifest = {0};
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, 0, &manifest);
    assert_int_equal(object_count(fixture), 0);
    assert_true(manifest.length > 0);
    buffer_clear(&manifest);
}

static bool has_object_of(const struct test_objects *objects, size_t bytes)
{
    for (size_t i = 0; i < objects->count; i++) {
        struct stat facts;
        assert_int_equal(stat(objects->paths[i], &facts), 0);
        if ((size_t)facts.st_size == bytes) {
            return true;
        }
    }
    return false;
}

/* However the file is read piece by piece. */
static void the_file_is_cut_as_if_it_was_in_memory(void **state)
{
    struct fixture *fixture = *state;
    struct buffer manifest = {0};
    struct test_objects objects;
    struct chunker_gear gear;
    uint8_t version = 0;
    size_t count = 0;
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES,
                   &manifest);
    test_objects_list(&objects, fixture->tv.folder);
    chunker_gear_init(
        &gear, keyring_region_secret(fixture->tv.keyring, "default", &version));
    for (size_t at = 0; at < SONG_BYTES;) {
        size_t cut = chunker_cut(&gear, fixture->song + at, SONG_BYTES - at);
        assert_true(has_object_of(&objects, seal_object_bytes((uint32_t)cut)));
        at += cut;
        count++;
    }
    assert_int_equal(count, objects.count);
    test_objects_clear(&objects);
    buffer_clear(&manifest);
}

/* Silence: chunks of one length and contents, stored once. */
static void long_silence_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct buffer manifest = {0};
    memset(fixture->song, 0, SONG_BYTES);
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES,
                   &manifest);
    test_vault_expect(&fixture->tv, &TEST_OWNER, &manifest, fixture->song,
                      SONG_BYTES);
    assert_in_range(object_count(fixture), 1, 2);
    buffer_clear(&manifest);
}

static void expect_slice(const struct fixture *fixture,
                         struct vault_reader *reader, uint8_t *back,
                         size_t offset, size_t length)
{
    size_t expected = offset >= SONG_BYTES           ? 0
                      : length > SONG_BYTES - offset ? SONG_BYTES - offset
                                                     : length;
    size_t got = SIZE_MAX;
    assert_int_equal(vault_read(reader, offset, back, length, &got, NULL),
                     STATUS_OK);
    assert_int_equal(got, expected);
    if (expected > 0) {
        assert_memory_equal(back, fixture->song + offset, expected);
    }
}

static void any_range_is_the_slice(void **state)
{
    struct fixture *fixture = *state;
    struct buffer manifest = {0};
    uint64_t random = 11;
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES,
                   &manifest);
    struct vault_reader *reader =
        test_vault_reader(&fixture->tv, &TEST_OWNER, &manifest);
    for (int i = 0; i < 1000; i++) {
        static const size_t limits[] = {2, 100, 16385, 140000, 3 * MIB};
        size_t limit = limits[(size_t)i % 5];
        size_t offset = pattern_below(&random, SONG_BYTES + 100);
        expect_slice(fixture, reader, fixture->back, offset,
                     pattern_below(&random, limit));
    }
    for (size_t offset = SONG_BYTES - 3; offset < SONG_BYTES + 3; offset++) {
        expect_slice(fixture, reader, fixture->back, offset, 5);
    }
    size_t got = SIZE_MAX;
    assert_int_equal(
        vault_read(reader, UINT64_MAX, fixture->back, 5, &got, NULL),
        STATUS_OK);
    assert_int_equal(got, 0);
    vault_reader_close(reader);
    buffer_clear(&manifest);
}

static void reading_on_in_blocks_of_any_size_gives_the_file(void **state)
{
    struct fixture *fixture = *state;
    static const size_t blocks[] = {1000, 16384, 32768, 100001, 131072};
    struct buffer manifest = {0};
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES,
                   &manifest);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        struct vault_reader *reader =
            test_vault_reader(&fixture->tv, &TEST_OWNER, &manifest);
        for (size_t at = 0; at < SONG_BYTES; at += blocks[i]) {
            expect_slice(fixture, reader, fixture->back, at, blocks[i]);
        }
        vault_reader_close(reader);
    }
    buffer_clear(&manifest);
}

static void expect_same_objects(const struct test_objects *before,
                                const char *folder)
{
    struct test_objects after;
    test_objects_list(&after, folder);
    assert_int_equal(after.count, before->count);
    for (size_t i = 0; i < after.count; i++) {
        assert_string_equal(after.paths[i], before->paths[i]);
    }
    test_objects_clear(&after);
}

static void equal_audio_is_stored_once_for_all_accounts(void **state)
{
    struct fixture *fixture = *state;
    struct vault_owner other = {.account_key = TEST_KEY_B,
                                .account_id = "acc_bbbbbbbbbbbbbbbb",
                                .track_id = "trk_2222222222222222",
                                .region = "default"};
    struct buffer first = {0};
    struct buffer again = {0};
    struct buffer others = {0};
    struct test_objects objects;
    struct stat before;
    struct stat after;
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES,
                   &first);
    test_objects_list(&objects, fixture->tv.folder);
    assert_int_equal(stat(objects.paths[0], &before), 0);
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES,
                   &again);
    test_vault_put(&fixture->tv, &other, fixture->song, SONG_BYTES, &others);
    expect_same_objects(&objects, fixture->tv.folder);
    assert_int_equal(stat(objects.paths[0], &after), 0);
    assert_true(before.st_ino == after.st_ino); /* not even written again */
    test_vault_expect(&fixture->tv, &TEST_OWNER, &again, fixture->song,
                      SONG_BYTES);
    test_vault_expect(&fixture->tv, &other, &others, fixture->song, SONG_BYTES);
    assert_int_equal(others.length, first.length);
    assert_memory_not_equal(others.bytes + 8, first.bytes + 8,
                            first.length - 8);
    test_objects_clear(&objects);
    buffer_clear(&first);
    buffer_clear(&again);
    buffer_clear(&others);
}

static void a_manifest_opens_for_its_owner_only(void **state)
{
    struct fixture *fixture = *state;
    struct buffer manifest = {0};
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, 100000, &manifest);
    struct vault_owner others[] = {TEST_OWNER, TEST_OWNER, TEST_OWNER};
    others[0].account_key = TEST_KEY_B;
    others[1].account_id = "acc_bbbbbbbbbbbbbbbb";
    others[2].track_id = "trk_2222222222222222";
    for (size_t i = 0; i < 3; i++) {
        struct vault_reader *reader = NULL;
        struct error err = {0};
        assert_int_equal(vault_reader_open(&reader, fixture->tv.vault,
                                           &others[i], manifest.bytes,
                                           manifest.length, &err),
                         STATUS_CORRUPT);
        assert_string_equal(err.code, "manifest");
        assert_null(reader);
    }
    buffer_clear(&manifest);
}

/* 2 KB more at the start, as an edited tag makes it. */
static void changed_bytes_cost_the_chunks_around_them(void **state)
{
    struct fixture *fixture = *state;
    struct buffer manifest = {0};
    struct buffer edited = {0};
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES,
                   &manifest);
    size_t before = object_count(fixture);
    memmove(fixture->song + 2048, fixture->song, SONG_BYTES);
    memset(fixture->song, 'x', 2048);
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES + 2048,
                   &edited);
    assert_true(before > 10);
    assert_in_range(object_count(fixture), before + 1, before + 3);
    test_vault_expect(&fixture->tv, &TEST_OWNER, &edited, fixture->song,
                      SONG_BYTES + 2048);
    buffer_clear(&manifest);
    buffer_clear(&edited);
}

static void regions_share_nothing(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_MAX + 64];
    uint8_t secret[SHA256_BYTES] = {9};
    (void)snprintf(path, sizeof path, "%s/region-cn.v1.secret",
                   fixture->tv.keys);
    test_write_file(path, secret, sizeof secret);
    assert_int_equal(chmod(path, 0400), 0);
    test_vault_reopen(&fixture->tv);

    struct vault_owner abroad = TEST_OWNER;
    abroad.region = "cn";
    struct buffer home = {0};
    struct buffer away = {0};
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, 50000, &home);
    assert_int_equal(object_count(fixture), 1);
    test_vault_put(&fixture->tv, &abroad, fixture->song, 50000, &away);
    assert_int_equal(object_count(fixture), 2);
    test_vault_expect(&fixture->tv, &abroad, &away, fixture->song, 50000);
    buffer_clear(&home);
    buffer_clear(&away);

    abroad.region = "mars";
    struct error err = {0};
    int fd = test_file(fixture->song, 100);
    assert_int_equal(
        vault_put(fixture->tv.vault, &abroad, fd, NULL, &away, &err),
        STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "keys_missing");
    assert_int_equal(away.length, 0);
    (void)close(fd);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Does any 16-byte slice of the plaintext stand in the object? */
static void expect_no_slice(const uint8_t *object, size_t object_length,
                            const uint64_t *starts, size_t start_count,
                            const uint8_t *plain, size_t length)
{
    for (size_t i = 0; i + 16 <= object_length; i++) {
        uint64_t start = load_u64le(object + i);
        if (bsearch(&start, starts, start_count, sizeof *starts, compare_u64) !=
            NULL) {
            assert_null(memmem(plain, length, object + i, 16));
        }
    }
}

static void expect_clean_path(const char *folder, const char *path,
                              const uint8_t *object, size_t length)
{
    uint8_t digest[SHA256_BYTES];
    char expected[3 + 2 * SHA256_BYTES + 1];
    crypto_sha256(digest, object, length);
    hex_encode(expected, digest, 1);
    expected[2] = '/';
    hex_encode(expected + 3, digest, sizeof digest);
    assert_string_equal(path + strlen(folder) + 1, expected);
}

static void the_store_says_nothing(void **state)
{
    struct fixture *fixture = *state;
    enum { LENGTH = MIB };
    static const char *const secrets[] = {
        "acc_aaaaaaaaaaaaaaaa", "trk_1111111111111111", "default", "Refrain"};
    struct buffer manifest = {0};
    struct test_objects objects;
    /* half text with repeats, half noise */
    for (size_t i = 0; i < LENGTH / 2; i++) {
        fixture->song[i] = (uint8_t) "TITLE=Never Gonna Give You Up\n"[i % 30];
    }
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, LENGTH, &manifest);
    uint64_t *starts = calloc(LENGTH, sizeof *starts);
    assert_non_null(starts);
    for (size_t i = 0; i + 8 <= LENGTH; i++) {
        starts[i] = load_u64le(fixture->song + i);
    }
    qsort(starts, LENGTH, sizeof *starts, compare_u64);
    test_objects_list(&objects, fixture->tv.folder);
    assert_true(objects.count >= 3);
    for (size_t i = 0; i < objects.count; i++) {
        size_t length = 0;
        uint8_t *object = test_read_file(objects.paths[i], &length);
        expect_clean_path(fixture->tv.folder, objects.paths[i], object, length);
        expect_no_slice(object, length, starts, LENGTH, fixture->song, LENGTH);
        for (size_t j = 0; j < sizeof secrets / sizeof secrets[0]; j++) {
            assert_null(memmem(object, length, secrets[j], strlen(secrets[j])));
        }
        free(object);
    }
    free(starts);
    test_objects_clear(&objects);
    buffer_clear(&manifest);
}

/* An object that is there under its name but spoilt (a bad disk, or a file
 * system that lost what it had promised) is put right by the next upload. */
static void a_spoilt_object_is_replaced_by_the_next_put(void **state)
{
    struct fixture *fixture = *state;
    struct buffer manifest = {0};
    struct test_objects objects;
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, 300000, &manifest);
    test_objects_list(&objects, fixture->tv.folder);
    for (int kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < objects.count; i++) {
            size_t length = 0;
            uint8_t *object = test_read_file(objects.paths[i], &length);
            const size_t lengths[] = {length, length + 1, length / 2, 0};
            object[length] = 0;
            object[length / 2] ^= kind == 0 ? 4 : 0; /* one flipped bit */
            test_write_file(objects.paths[i], object, lengths[kind]);
            free(object);
        }
        struct buffer again = {0};
        test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, 300000,
                       &again);
        test_vault_expect(&fixture->tv, &TEST_OWNER, &manifest, fixture->song,
                          300000);
        buffer_clear(&again);
    }
    test_objects_clear(&objects);
    buffer_clear(&manifest);
}

static void write_leftover(const struct fixture *fixture, const char *name,
                           time_t age_s)
{
    char path[PATH_MAX + 64];
    struct timespec times[2] = {{.tv_sec = time(NULL) - age_s},
                                {.tv_sec = time(NULL) - age_s}};
    (void)snprintf(path, sizeof path, "%s/tmp/%s", fixture->tv.folder, name);
    test_write_file(path, "x", 1);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void leftovers_go_after_a_day(void **state)
{
    struct fixture *fixture = *state;
    struct buffer manifest = {0};
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, 1000, &manifest);
    write_leftover(fixture, "put_old", (time_t)25 * HOUR_S);
    write_leftover(fixture, "put_young", (time_t)23 * HOUR_S);
    assert_int_equal(test_leftovers(fixture->tv.folder), 2);
    test_vault_reopen(&fixture->tv);
    assert_int_equal(test_leftovers(fixture->tv.folder), 1);
    test_vault_expect(&fixture->tv, &TEST_OWNER, &manifest, fixture->song,
                      1000);
    buffer_clear(&manifest);
}

struct worker {
    pthread_t thread;
    struct fixture *fixture;
    struct buffer manifest;
    enum status status;
};

/* A guard that looks whether its names are there already. */
struct watch {
    struct store *store;
    size_t calls;
    size_t names;
    size_t refuse_at; /* call, from 1; 0: none */
};

static enum status watch_pin(void *context,
                             const uint8_t (*names)[SHA256_BYTES], size_t count,
                             struct error *err)
{
    struct watch *watch = context;
    watch->calls++;
    if (watch->calls == watch->refuse_at) {
        return error_set(err, STATUS_UNAVAILABLE, "not_now", "not now");
    }
    assert_in_range(count, 1, VAULT_PINS_MAX);
    for (size_t i = 0; i < count; i++) {
        bool is_there = true;
        assert_int_equal(
            watch->store->methods->has(watch->store, names[i], &is_there, err),
            STATUS_OK);
        assert_false(is_there);
    }
    watch->names += count;
    return STATUS_OK;
}

static void every_object_is_pinned_before_it_is_stored(void **state)
{
    struct fixture *fixture = *state;
    struct watch watch = {.store = vault_store(fixture->tv.vault),
                          .refuse_at = 2};
    const struct vault_guard guard = {watch_pin, &watch};
    struct buffer manifest = {0};
    struct error err;
    int fd = test_file(fixture->song, SONG_BYTES);
    assert_int_equal(
        vault_put(fixture->tv.vault, &TEST_OWNER, fd, &guard, &manifest, &err),
        STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "not_now");
    assert_int_equal(manifest.length, 0);
    assert_int_equal(object_count(fixture), watch.names);

    watch = (struct watch){.store = watch.store};
    test_vault_close(&fixture->tv);
    test_vault_open(&fixture->tv);
    watch.store = vault_store(fixture->tv.vault);
    assert_int_equal(
        vault_put(fixture->tv.vault, &TEST_OWNER, fd, &guard, &manifest, &err),
        STATUS_OK);
    (void)close(fd);
    assert_int_equal(object_count(fixture), watch.names);
    assert_true(watch.calls < watch.names); /* in batches */
    test_vault_expect(&fixture->tv, &TEST_OWNER, &manifest, fixture->song,
                      SONG_BYTES);
    buffer_clear(&manifest);
}

static void *put_in_thread(void *argument)
{
    struct worker *worker = argument;
    int fd = test_file(worker->fixture->song, 2 * MIB);
    worker->status = vault_put(worker->fixture->tv.vault, &TEST_OWNER, fd, NULL,
                               &worker->manifest, NULL);
    (void)close(fd);
    return NULL;
}

static void many_threads_put_the_same_song(void **state)
{
    struct fixture *fixture = *state;
    struct worker workers[4] = {0};
    for (size_t i = 0; i < 4; i++) {
        workers[i].fixture = fixture;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, put_in_thread,
                                        &workers[i]),
                         0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].status, STATUS_OK);
    }
    size_t after_four = object_count(fixture);
    for (size_t i = 0; i < 4; i++) {
        test_vault_expect(&fixture->tv, &TEST_OWNER, &workers[i].manifest,
                          fixture->song, 2 * MIB);
        buffer_clear(&workers[i].manifest);
    }
    struct buffer alone = {0};
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, 2 * MIB, &alone);
    assert_int_equal(object_count(fixture), after_four);
    assert_int_equal(test_leftovers(fixture->tv.folder), 0);
    buffer_clear(&alone);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_length_comes_back),
        TEST(an_empty_file_needs_no_object),
        TEST(the_file_is_cut_as_if_it_was_in_memory),
        TEST(long_silence_comes_back),
        TEST(any_range_is_the_slice),
        TEST(reading_on_in_blocks_of_any_size_gives_the_file),
        TEST(equal_audio_is_stored_once_for_all_accounts),
        TEST(a_manifest_opens_for_its_owner_only),
        TEST(changed_bytes_cost_the_chunks_around_them),
        TEST(regions_share_nothing),
        TEST(the_store_says_nothing),
        TEST(a_spoilt_object_is_replaced_by_the_next_put),
        TEST(leftovers_go_after_a_day),
        TEST(every_object_is_pinned_before_it_is_stored),
        TEST(many_threads_put_the_same_song),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
