/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: tags and sound are stored apart, so that a re-tagged song costs its
 * tags alone; what comes back is the file, heads of pages and all, whole and in
 * any part; and a lost list of heads is an error, never wrong bytes. */
#include "tests/support/pattern.h"
#include "tests/support/songs.h"
#include "tests/support/vault.h"

#include "catalog/vault/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOUND_BYTES = 3 * 1024 * 1024, PAGES = 700, SMALL_PAGES = 30000 };

struct fixture {
    struct test_vault tv;
    struct buffer song;
    struct buffer manifest;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    test_vault_open(&fixture->tv);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    test_vault_close(&fixture->tv);
    buffer_clear(&fixture->song);
    buffer_clear(&fixture->manifest);
    free(fixture);
    return 0;
}

/* The song in hand, for one owner or another. */
static void put(struct fixture *fixture, const struct vault_owner *owner)
{
    buffer_clear(&fixture->manifest);
    test_vault_put(&fixture->tv, owner, fixture->song.bytes,
                   fixture->song.length, &fixture->manifest);
}

static uint64_t stored_bytes(const struct fixture *fixture)
{
    struct test_objects objects;
    uint64_t sum = 0;
    test_objects_list(&objects, fixture->tv.folder);
    for (size_t i = 0; i < objects.count; i++) {
        struct stat facts;
        assert_int_equal(stat(objects.paths[i], &facts), 0);
        sum += (uint64_t)facts.st_size;
    }
    test_objects_clear(&objects);
    return sum;
}

/* Whole and in random ranges, with one reader and with new ones. */
static void expect_song(struct fixture *fixture,
                        const struct vault_owner *owner)
{
    const struct buffer *song = &fixture->song;
    uint8_t *back = malloc(song->length + 1);
    uint64_t random = song->length;
    struct vault_reader *reader =
        test_vault_reader(&fixture->tv, owner, &fixture->manifest);
    assert_non_null(back);
    test_vault_expect(&fixture->tv, owner, &fixture->manifest, song->bytes,
                      song->length);
    for (int i = 0; i < 500; i++) {
        size_t from = (size_t)pattern_below(&random, song->length);
        size_t limit = i % 3 == 0 ? 40 : i % 3 == 1 ? 20000 : song->length;
        size_t length = (size_t)pattern_below(&random, limit);
        size_t rest = song->length - from;
        size_t got = 0;
        if (i % 50 == 0) {
            vault_reader_close(reader);
            reader = test_vault_reader(&fixture->tv, owner, &fixture->manifest);
        }
        assert_int_equal(vault_read(reader, from, back, length, &got, NULL),
                         STATUS_OK);
        assert_int_equal(got, length < rest ? length : rest);
        assert_memory_equal(back, song->bytes + from, got);
    }
    vault_reader_close(reader);
    free(back);
}

static void an_mp3_with_other_tags_costs_its_tags(void **state)
{
    struct fixture *fixture = *state;
    struct vault_owner other = {.account_key = TEST_KEY_B,
                                .account_id = "acc_bbbbbbbbbbbbbbbb",
                                .track_id = "trk_2222222222222222",
                                .region = "default"};
    song_id3v2(&fixture->song, 3, 50, 0, 100);
    song_noise(&fixture->song, SOUND_BYTES, 1);
    put(fixture, &TEST_OWNER);
    expect_song(fixture, &TEST_OWNER);
    uint64_t before = stored_bytes(fixture);
    fixture->song.length = 0;
    song_id3v2(&fixture->song, 4, 70, 200000, 1000);
    song_noise(&fixture->song, SOUND_BYTES, 1);
    put(fixture, &other);
    expect_song(fixture, &other);
    /* the cover in chunks of its own, of 16 bytes more for each 16 KiB */
    assert_in_range(stored_bytes(fixture) - before, 200000, 203000);
    before = stored_bytes(fixture);
    /* another title, the same cover */
    fixture->song.length = 0;
    song_id3v2(&fixture->song, 4, 60, 200000, 900);
    song_noise(&fixture->song, SOUND_BYTES, 1);
    put(fixture, &other);
    assert_in_range(stored_bytes(fixture) - before, 60, 1500);
}

/* The text, and the list of heads. */
static void an_ogg_with_a_longer_comment_costs_little(void **state)
{
    struct fixture *fixture = *state;
    song_vorbis(&fixture->song, 77, 100, PAGES, 5);
    put(fixture, &TEST_OWNER);
    expect_song(fixture, &TEST_OWNER);
    uint64_t before = stored_bytes(fixture);
    size_t length = fixture->song.length;
    fixture->song.length = 0;
    song_vorbis(&fixture->song, 78, 20000, PAGES, 5);
    put(fixture, &TEST_OWNER);
    expect_song(fixture, &TEST_OWNER);
    assert_in_range(stored_bytes(fixture) - before, 20000,
                    20000 + length / 100);
}

/* Its list of heads takes several chunks. */
static void an_ogg_of_very_many_pages_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct buffer *song = &fixture->song;
    song_vorbis(song, 77, 100, 3, 5);
    for (uint32_t i = 0; i < SMALL_PAGES; i++) {
        uint8_t body[7] = {(uint8_t)i, (uint8_t)(i >> 8), 3, 4, 5};
        song_ogg_page(song, &(struct ogg_page){.serial = 77,
                                               .number = 6 + i,
                                               .bytes = body,
                                               .length = 1 + i % 7});
    }
    put(fixture, &TEST_OWNER);
    expect_song(fixture, &TEST_OWNER);
}

/* The one object that is as long as the sealed list; its path. */
static void find_list(const struct fixture *fixture, char path[PATH_MAX])
{
    struct essence essence;
    struct test_objects objects;
    song_split(&essence, &fixture->song);
    size_t length = seal_object_bytes((uint32_t)essence.heads.length);
    size_t found = 0;
    test_objects_list(&objects, fixture->tv.folder);
    for (size_t i = 0; i < objects.count; i++) {
        struct stat facts;
        assert_int_equal(stat(objects.paths[i], &facts), 0);
        if ((size_t)facts.st_size == length) {
            (void)snprintf(path, PATH_MAX, "%s", objects.paths[i]);
            found++;
        }
    }
    assert_int_equal(found, 1);
    test_objects_clear(&objects);
    essence_clear(&essence);
}

static void expect_unreadable(struct fixture *fixture, enum status expected,
                              const char *code)
{
    struct vault_reader *reader =
        test_vault_reader(&fixture->tv, &TEST_OWNER, &fixture->manifest);
    uint8_t back[100];
    size_t got = 5;
    for (int i = 0; i < 2; i++) { /* and stays so */
        struct error err = {0};
        memset(back, 0xff, sizeof back);
        assert_int_equal(
            vault_read(reader, SOUND_BYTES / 2, back, sizeof back, &got, &err),
            expected);
        assert_string_equal(err.code, code);
        assert_int_equal(got, 0);
    }
    vault_reader_close(reader);
}

static void without_its_list_an_ogg_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_MAX];
    size_t length = 0;
    song_vorbis(&fixture->song, 77, 100, PAGES, 5);
    put(fixture, &TEST_OWNER);
    find_list(fixture, path);
    uint8_t *list = test_read_file(path, &length);
    list[length / 2] ^= 1;
    test_write_file(path, list, length);
    expect_unreadable(fixture, STATUS_CORRUPT, "chunk_corrupt");
    test_write_file(path, list, length - 1);
    expect_unreadable(fixture, STATUS_CORRUPT, "chunk_corrupt");
    assert_int_equal(unlink(path), 0);
    expect_unreadable(fixture, STATUS_UNAVAILABLE, "chunk_missing");
    put(fixture, &TEST_OWNER); /* the song again brings it back */
    expect_song(fixture, &TEST_OWNER);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_mp3_with_other_tags_costs_its_tags,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_ogg_with_a_longer_comment_costs_little, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_ogg_of_very_many_pages_comes_back,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_its_list_an_ogg_is_an_error,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
