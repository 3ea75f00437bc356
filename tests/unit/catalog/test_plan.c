/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { MAX = 8 };

/* A folder of files: name, recording and tags of each. */
static struct tags tags[MAX];
static struct plan_file files[MAX];
static size_t count;
static struct release release;

static int setup(void **state)
{
    (void)state;
    memset(tags, 0, sizeof tags);
    memset(files, 0, sizeof files);
    count = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    release_clear(&release);
    return 0;
}

static struct tags *add(const char *name, const char *recording_id)
{
    files[count].name = name;
    files[count].recording_id = recording_id;
    files[count].tags = &tags[count];
    return &tags[count++];
}

#define SET(field, text) (void)snprintf(field, sizeof(field), "%s", text)

static void plan(const char *folder)
{
    release_clear(&release);
    assert_int_equal(plan_release(&release, files, count, folder, NULL),
                     STATUS_OK);
}

static void assert_track(size_t index, uint32_t disc, uint32_t track,
                         const char *recording_id)
{
    assert_true(index < release.track_count);
    assert_int_equal(release.tracks[index].disc, disc);
    assert_int_equal(release.tracks[index].track, track);
    assert_string_equal(release.tracks[index].recording_id, recording_id);
}

static void tags_give_the_release(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        static const char *const names[] = {"a.mp3", "b.mp3", "c.mp3"};
        static const char *const ids[] = {"rec_a", "rec_b", "rec_c"};
        struct tags *tag = add(names[i], ids[i]);
        SET(tag->title, names[2 - i]);
        SET(tag->artist, "Singer");
        SET(tag->album, "The Album");
        SET(tag->album_artist, "Band");
        SET(tag->barcode, "4006381333931");
        SET(tag->date, "2003-04-05");
        tag->track = 3 - i;
    }
    plan("whatever");
    assert_string_equal(release.title, "The Album");
    assert_string_equal(release.artist, "Band");
    assert_string_equal(release.barcode, "4006381333931");
    assert_string_equal(release.date, "2003-04-05");
    assert_int_equal(release.track_count, 3);
    assert_track(0, 1, 1, "rec_c");
    assert_track(1, 1, 2, "rec_b");
    assert_track(2, 1, 3, "rec_a");
    assert_string_equal(files[0].title, "c.mp3");
    assert_string_equal(files[0].artist, "Singer");
}

static void names_stand_in_for_tags(void **state)
{
    (void)state;
    (void)add("02 - Second.flac", "rec_b");
    (void)add("03 - Guest - Third.flac", "rec_c");
    plan("Band - The Album (2003)");
    assert_string_equal(release.title, "The Album");
    assert_string_equal(release.artist, "Band");
    assert_string_equal(release.date, "2003");
    assert_string_equal(release.barcode, "");
    assert_track(0, 1, 2, "rec_b");
    assert_track(1, 1, 3, "rec_c");
    assert_string_equal(files[0].title, "Second");
    assert_string_equal(files[0].artist, "Band");
    assert_string_equal(files[1].title, "Third");
    assert_string_equal(files[1].artist, "Guest");
}

static void several_artists_are_various(void **state)
{
    (void)state;
    SET(add("a.mp3", "rec_a")->artist, "One");
    SET(add("b.mp3", "rec_b")->artist, "Two");
    plan("Sampler");
    assert_string_equal(release.artist, "Various Artists");
    SET(tags[1].artist, "One");
    plan("Sampler");
    assert_string_equal(release.artist, "One");
}

static void one_stray_tag_does_not_rename_the_release(void **state)
{
    (void)state;
    SET(add("a.mp3", "rec_a")->album, "Stray");
    SET(add("b.mp3", "rec_b")->album, "Album");
    SET(add("c.mp3", "rec_c")->album, "Album");
    plan("folder");
    assert_string_equal(release.title, "Album");
}

static void id_depends_on_the_barcode_alone_where_there_is_one(void **state)
{
    (void)state;
    char id[ID_SIZE];
    struct tags *tag = add("a.mp3", "rec_a");
    SET(tag->barcode, "036000291452");
    plan("one folder");
    SET(id, release.id);
    assert_int_equal(strlen(id), 4 + 32);
    assert_memory_equal(id, "rel_", 4);
    SET(tag->album, "Other");
    plan("another folder");
    assert_string_equal(release.id, id);
    /* GS1: the same article as EAN-13 */
    SET(tag->barcode, "0036000291452");
    plan("another folder");
    assert_string_equal(release.id, id);
    SET(tag->barcode, "036000291453");
    plan("one folder");
    assert_string_not_equal(release.id, id);
}

static void id_without_barcode_depends_on_artist_album_and_folder(void **state)
{
    (void)state;
    char id[ID_SIZE];
    struct tags *tag = add("a.mp3", "rec_a");
    SET(tag->album, "A");
    plan("folder");
    SET(id, release.id);
    plan("folder");
    assert_string_equal(release.id, id);
    plan("folder2");
    assert_string_not_equal(release.id, id);
    SET(tag->album, "B");
    plan("folder");
    assert_string_not_equal(release.id, id);
    SET(tag->album, "A");
    SET(tag->album_artist, "X");
    plan("folder");
    assert_string_not_equal(release.id, id);
}

static void same_file_twice_has_two_places(void **state)
{
    (void)state;
    add("a.mp3", "rec_a")->track = 2;
    add("b.mp3", "rec_a")->track = 2;
    add("c.mp3", "rec_c")->track = 1;
    plan("folder");
    assert_int_equal(release.track_count, 3);
    assert_track(0, 1, 1, "rec_c");
    assert_track(1, 1, 2, "rec_a");
    assert_track(2, 1, 3, "rec_a");
}

static void files_without_numbers_follow_in_order_of_names(void **state)
{
    (void)state;
    (void)add("alpha.mp3", "rec_a");
    add("beta.mp3", "rec_b")->track = 1;
    (void)add("gamma.mp3", "rec_c");
    plan("folder");
    assert_track(0, 1, 1, "rec_b");
    assert_track(1, 1, 2, "rec_a");
    assert_track(2, 1, 3, "rec_c");
}

static void absurd_numbers_are_ignored(void **state)
{
    (void)state;
    struct tags *tag = add("a.mp3", "rec_a");
    tag->track = UINT32_MAX;
    tag->disc = UINT32_MAX;
    plan("folder");
    assert_track(0, 1, 1, "rec_a");
}

static void discs_come_from_tags_names_or_folder(void **state)
{
    (void)state;
    add("a.mp3", "rec_a")->disc = 3;
    (void)add("2-05 b.mp3", "rec_b");
    (void)add("c.mp3", "rec_c");
    plan("Album CD 4");
    assert_track(0, 2, 5, "rec_b");
    assert_track(1, 3, 1, "rec_a");
    assert_track(2, 4, 1, "rec_c");
}

static void other_discs_stay_when_one_is_loaded(void **state)
{
    (void)state;
    SET(add("a.mp3", "rec_a")->barcode, "1");
    plan("Album CD 1");
    struct release before = release;
    before.loaded_ms = 5;
    SET(before.cover_name, "ab/abc.jpg");
    release = (struct release){0};

    (void)setup(NULL);
    SET(add("b.mp3", "rec_b")->barcode, "1");
    plan("Album CD 2");
    assert_string_equal(release.id, before.id);
    release.loaded_ms = 9;
    assert_int_equal(plan_merge(&release, &before, NULL), STATUS_OK);
    assert_int_equal(release.track_count, 2);
    assert_track(0, 1, 1, "rec_a");
    assert_track(1, 2, 1, "rec_b");
    assert_int_equal(release.loaded_ms, 5);
    assert_string_equal(release.cover_name, "ab/abc.jpg");
    assert_false(plan_is_same(&release, &before));
    release_clear(&before);
}

static void disc_that_is_loaded_again_replaces_itself(void **state)
{
    (void)state;
    (void)add("a.mp3", "rec_a");
    (void)add("b.mp3", "rec_b");
    plan("Album");
    struct release before = release;
    release = (struct release){0};

    plan("Album");
    assert_int_equal(plan_merge(&release, &before, NULL), STATUS_OK);
    assert_true(plan_is_same(&release, &before));

    (void)setup(NULL);
    (void)add("a.mp3", "rec_x");
    plan("Album");
    assert_int_equal(plan_merge(&release, &before, NULL), STATUS_OK);
    assert_int_equal(release.track_count, 1);
    assert_track(0, 1, 1, "rec_x");
    release_clear(&before);
}

static void release_of_too_many_tracks_is_refused(void **state)
{
    (void)state;
    static struct release_track many[RELEASE_TRACKS_MAX];
    for (uint32_t i = 0; i < RELEASE_TRACKS_MAX; i++) {
        many[i] = (struct release_track){2, i + 1, "rec_m"};
    }
    struct release before = {.tracks = many, .track_count = RELEASE_TRACKS_MAX};
    (void)add("a.mp3", "rec_a");
    plan("Album");
    struct error err = {0};
    assert_int_equal(plan_merge(&release, &before, &err), STATUS_LIMIT);
    assert_string_equal(err.code, "too_many_tracks");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(tags_give_the_release),
        TEST(names_stand_in_for_tags),
        TEST(several_artists_are_various),
        TEST(one_stray_tag_does_not_rename_the_release),
        TEST(id_depends_on_the_barcode_alone_where_there_is_one),
        TEST(id_without_barcode_depends_on_artist_album_and_folder),
        TEST(same_file_twice_has_two_places),
        TEST(files_without_numbers_follow_in_order_of_names),
        TEST(absurd_numbers_are_ignored),
        TEST(discs_come_from_tags_names_or_folder),
        TEST(other_discs_stay_when_one_is_loaded),
        TEST(disc_that_is_loaded_again_replaces_itself),
        TEST(release_of_too_many_tracks_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
