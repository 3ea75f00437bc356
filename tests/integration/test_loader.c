/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index.h"
#include "catalog/vault/crypto.h"
#include "tests/support/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct test_catalog catalog;
static struct load_report report;

enum { NOW_MS = 1700000000 };

static const uint8_t png[] = {0x89, 'P',  'N', 'G', '\r', '\n',
                              0x1a, '\n', 'x', 'y', 'z'};

static int setup(void **state)
{
    (void)state;
    test_catalog_start(&catalog);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    load_report_clear(&report);
    test_catalog_stop(&catalog);
    return 0;
}

#define CLIP(name, seed, ...)                                                  \
    test_catalog_clip(&catalog, name, seed,                                    \
                      (const char *const[]){__VA_ARGS__, NULL})

static void text_file(const char *name, const char *text)
{
    test_catalog_file(&catalog, name, text, strlen(text));
}

static void load_as(const char *shown_name, bool dry_run)
{
    struct error err = {0};
    load_report_clear(&report);
    if (loader_load(&report, &catalog.loader, catalog.folder, shown_name,
                    dry_run, NOW_MS, &err) != STATUS_OK) {
        fail_msg("%s: %s", err.code, err.text);
    }
}

static void load(void)
{
    load_as("Folder", false);
}

static const struct load_file *file_of(const char *name)
{
    for (size_t i = 0; i < report.file_count; i++) {
        if (strcmp(report.files[i].name, name) == 0) {
            return &report.files[i];
        }
    }
    fail_msg("no %s in the report", name);
    return NULL;
}

static struct recording recording_of(const char *file_name)
{
    struct recording recording;
    assert_int_equal(recording_read(catalog.redis,
                                    file_of(file_name)->recording_id,
                                    &recording, NULL),
                     STATUS_OK);
    return recording;
}

/* An album of three in three formats, and what lies about in such folders. */
static void make_album(void)
{
    CLIP("01.flac", 1, "title=First", "artist=Singer", "album=The Album",
         "album_artist=Band", "track=1/3", "disc=1", "date=2003",
         "ISRC=DE-A12-03-45678", "BARCODE=4006381333931", "ITUNESADVISORY=1");
    CLIP("02.mp3", 2, "title=Second", "artist=Singer", "album=The Album",
         "album_artist=Band", "track=2/3", "disc=1", "date=2003",
         "BARCODE=4006381333931");
    CLIP("03.ogg", 3, "title=Third", "artist=Singer", "album=The Album",
         "album_artist=Band", "track=3/3", "disc=1", "date=2003",
         "BARCODE=4006381333931");
    test_catalog_file(&catalog, "cover.png", png, sizeof png);
    text_file("info.nfo", "greetings");
    text_file("not really.mp3", "this is text, long enough to look at");
    text_file("README", "no audio, and not named like any");
}

static void assert_same_bytes(const char *path, const char *other)
{
    int a = open(path, O_RDONLY);
    int b = open(other, O_RDONLY);
    assert_true(a >= 0);
    assert_true(b >= 0);
    char left[4096];
    char right[4096];
    ssize_t got = 0;
    do {
        got = read(a, left, sizeof left);
        assert_int_equal(read(b, right, sizeof right), got);
        assert_memory_equal(left, right, (size_t)got);
    } while (got > 0);
    (void)close(a);
    (void)close(b);
}

static void assert_master_is(const char *master_name, const char *file_name)
{
    char master[256];
    char original[256];
    (void)snprintf(master, sizeof master, "%s/%s", catalog.masters,
                   master_name);
    (void)snprintf(original, sizeof original, "%s/%s", catalog.folder,
                   file_name);
    assert_same_bytes(master, original);
}

static void assert_no_unfinished_files(void)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/tmp", catalog.masters);
    assert_int_equal(rmdir(path), 0); /* it must be empty */
}

static void folder_becomes_a_release(void **state)
{
    (void)state;
    make_album();
    load();
    assert_int_equal(report.status, LOAD_RELEASE_ADDED);
    assert_string_equal(report.title, "The Album");
    assert_string_equal(report.artist, "Band");
    assert_int_equal(report.file_count, 7);
    for (size_t i = 1; i < report.file_count; i++) {
        assert_true(strcmp(report.files[i - 1].name, report.files[i].name) < 0);
    }
    assert_int_equal(file_of("01.flac")->status, LOAD_ADDED);
    assert_int_equal(file_of("02.mp3")->status, LOAD_ADDED);
    assert_int_equal(file_of("03.ogg")->status, LOAD_ADDED);
    assert_int_equal(file_of("cover.png")->status, LOAD_COVER);
    assert_int_equal(file_of("info.nfo")->status, LOAD_SKIPPED);
    assert_int_equal(file_of("README")->status, LOAD_SKIPPED);
    assert_int_equal(file_of("not really.mp3")->status, LOAD_FAILED);
    assert_string_equal(file_of("not really.mp3")->reason, "not_audio");
    assert_string_not_equal(file_of("not really.mp3")->detail, "");
    assert_in_range(file_of("01.flac")->duration_ms, 5900, 6100);

    struct release release;
    assert_int_equal(
        release_read(catalog.redis, report.release_id, &release, NULL),
        STATUS_OK);
    assert_string_equal(release.title, "The Album");
    assert_string_equal(release.barcode, "4006381333931");
    assert_string_equal(release.date, "2003");
    assert_int_equal(release.loaded_ms, NOW_MS);
    assert_int_equal(release.track_count, 3);
    assert_string_equal(release.tracks[0].recording_id,
                        file_of("01.flac")->recording_id);
    assert_string_equal(release.tracks[2].recording_id,
                        file_of("03.ogg")->recording_id);
    assert_int_equal(release.tracks[2].track, 3);
    assert_master_is(release.cover_name, "cover.png");
    release_clear(&release);
}

static void recordings_keep_facts_and_the_very_bytes(void **state)
{
    (void)state;
    make_album();
    load();
    struct recording first = recording_of("01.flac");
    assert_string_equal(first.title, "First");
    assert_string_equal(first.artist, "Singer");
    assert_string_equal(first.isrc, "DEA120345678");
    assert_int_equal(first.advisory, ADVISORY_EXPLICIT);
    assert_int_equal(first.container, CONTAINER_FLAC);
    assert_string_equal(first.release_id, report.release_id);
    assert_string_equal(first.release_title, "The Album");
    static const char *const names[] = {"01.flac", "02.mp3", "03.ogg"};
    for (size_t i = 0; i < 3; i++) {
        struct recording recording = recording_of(names[i]);
        assert_in_range(recording.number, 1, 3);
        /* "rec_" + first 32 hex digits of the master's SHA-256 */
        assert_memory_equal(recording.id + 4, recording.master_sha256, 32);
        assert_memory_equal(recording.master_name + 3, recording.master_sha256,
                            64);
        assert_master_is(recording.master_name, names[i]);
        struct recording same;
        assert_int_equal(
            recording_by_number(catalog.redis, recording.number, &same, NULL),
            STATUS_OK);
        assert_string_equal(same.id, recording.id);
    }
    assert_no_unfinished_files();
}

/* The stored print's terms find the recording first. */
static void assert_is_found(const char *recording_id)
{
    struct recording recording;
    struct fingerprint print = {0};
    struct terms terms = {0};
    struct index *index = NULL;
    struct index_found found;
    const struct index_options options = {.address = catalog.server.address};
    const struct index_query query = {.terms = &terms};
    assert_int_equal(
        recording_read(catalog.redis, recording_id, &recording, NULL),
        STATUS_OK);
    assert_int_equal(
        recording_print(catalog.redis, recording.number, &print, NULL),
        STATUS_OK);
    assert_true(print.item_count > 10);
    assert_int_equal(terms_for_query(&terms, &print, NULL), STATUS_OK);
    assert_int_equal(index_open(&index, &options, NULL), STATUS_OK);
    assert_int_equal(index_find(index, catalog.redis, &query, &found, NULL),
                     STATUS_OK);
    assert_true(found.count >= 1);
    assert_int_equal(found.candidates[0].number, recording.number);
    index_close(index);
    terms_clear(&terms);
    fingerprint_clear(&print);
}

static void assert_release_is_whole(size_t track_count)
{
    struct release release;
    assert_int_equal(
        release_read(catalog.redis, report.release_id, &release, NULL),
        STATUS_OK);
    assert_int_equal(release.track_count, track_count);
    for (size_t i = 0; i < release.track_count; i++) {
        assert_is_found(release.tracks[i].recording_id);
    }
    release_clear(&release);
    struct release *list = NULL;
    size_t count = 0;
    uint64_t next = 0;
    assert_int_equal(
        release_list(catalog.redis, 0, 10, &list, &count, &next, NULL),
        STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(list[0].id, report.release_id);
    assert_int_equal(list[0].track_count, track_count);
    free(list);
}

static void loaded_recordings_are_found_by_their_sound(void **state)
{
    (void)state;
    make_album();
    load();
    assert_release_is_whole(3);
}

static void loading_again_changes_nothing(void **state)
{
    (void)state;
    make_album();
    load();
    struct buffer before = test_catalog_dump(&catalog);
    char id[ID_SIZE];
    (void)snprintf(id, sizeof id, "%s", report.release_id);
    load();
    assert_int_equal(report.status, LOAD_RELEASE_UNCHANGED);
    assert_string_equal(report.release_id, id);
    assert_int_equal(file_of("01.flac")->status, LOAD_UNCHANGED);
    assert_int_equal(file_of("02.mp3")->status, LOAD_UNCHANGED);
    assert_int_equal(file_of("03.ogg")->status, LOAD_UNCHANGED);
    assert_int_equal(file_of("cover.png")->status, LOAD_COVER);
    assert_int_equal(file_of("not really.mp3")->status, LOAD_FAILED);
    assert_in_range(file_of("01.flac")->duration_ms, 5900, 6100);
    struct buffer after = test_catalog_dump(&catalog);
    assert_int_equal(after.length, before.length);
    assert_memory_equal(after.bytes, before.bytes, before.length);
    buffer_clear(&before);
    buffer_clear(&after);
}

static void dry_run_tells_what_a_load_does_and_writes_nothing(void **state)
{
    (void)state;
    make_album();
    load_as("Folder", true);
    struct load_report told = report;
    report = (struct load_report){0};
    struct buffer nothing = test_catalog_dump(&catalog);
    assert_int_equal(nothing.length, 0);
    assert_int_equal(access(catalog.masters, F_OK), -1);
    for (int round = 0; round < 2; round++) {
        load();
        assert_int_equal(told.status, report.status);
        assert_string_equal(told.release_id, report.release_id);
        assert_string_equal(told.title, report.title);
        assert_int_equal(told.file_count, report.file_count);
        for (size_t i = 0; i < told.file_count; i++) {
            assert_int_equal(told.files[i].status, report.files[i].status);
            assert_string_equal(told.files[i].name, report.files[i].name);
            assert_string_equal(told.files[i].reason, report.files[i].reason);
            assert_string_equal(told.files[i].recording_id,
                                report.files[i].recording_id);
            assert_int_equal(told.files[i].duration_ms,
                             report.files[i].duration_ms);
        }
        load_report_clear(&told);
        load_as("Folder", true);
        told = report;
        report = (struct load_report){0};
    }
    load_report_clear(&told);
}

static void names_stand_in_for_missing_tags(void **state)
{
    (void)state;
    CLIP("01 - Opening.flac", 1, NULL);
    CLIP("02 - Guest - Closing.mp3", 2, NULL);
    load_as("Band - The Album (2003)", false);
    assert_string_equal(report.title, "The Album");
    assert_string_equal(report.artist, "Band");
    struct recording first = recording_of("01 - Opening.flac");
    assert_string_equal(first.title, "Opening");
    assert_string_equal(first.artist, "Band");
    struct recording second = recording_of("02 - Guest - Closing.mp3");
    assert_string_equal(second.title, "Closing");
    assert_string_equal(second.artist, "Guest");
    struct release release;
    assert_int_equal(
        release_read(catalog.redis, report.release_id, &release, NULL),
        STATUS_OK);
    assert_string_equal(release.date, "2003");
    assert_int_equal(release.tracks[1].track, 2);
    release_clear(&release);
    load_as("Band - The Album (2003)", false);
    assert_int_equal(report.status, LOAD_RELEASE_UNCHANGED);
}

static void same_file_twice_is_one_recording_with_two_places(void **state)
{
    (void)state;
    CLIP("1.flac", 1, "track=1");
    CLIP("2.flac", 1, "track=1");
    load();
    assert_string_equal(file_of("1.flac")->recording_id,
                        file_of("2.flac")->recording_id);
    assert_int_equal(file_of("1.flac")->status, LOAD_ADDED);
    assert_int_equal(file_of("2.flac")->status, LOAD_LINKED);
    assert_int_equal(recording_of("1.flac").number, 1);
    assert_release_is_whole(2);
    load();
    assert_int_equal(report.status, LOAD_RELEASE_UNCHANGED);
}

static void recording_of_another_release_is_linked(void **state)
{
    (void)state;
    CLIP("1.flac", 1, "album=Single");
    load();
    char single[ID_SIZE];
    (void)snprintf(single, sizeof single, "%s", report.release_id);
    load_as("Sampler", false);
    assert_string_not_equal(report.release_id, single);
    assert_int_equal(report.status, LOAD_RELEASE_ADDED);
    assert_int_equal(file_of("1.flac")->status, LOAD_LINKED);
    /* it stays the recording of the release that brought it first */
    assert_string_equal(recording_of("1.flac").release_id, single);
    struct release *list = NULL;
    size_t count = 0;
    uint64_t next = 99;
    assert_int_equal(
        release_list(catalog.redis, 0, 1, &list, &count, &next, NULL),
        STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(next, 1);
    free(list);
    assert_int_equal(
        release_list(catalog.redis, next, 1, &list, &count, &next, NULL),
        STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(next, 0);
    free(list);
}

static void corrected_delivery_changes_the_release(void **state)
{
    (void)state;
    CLIP("1.flac", 1, "BARCODE=1", "track=1");
    CLIP("2.flac", 2, "BARCODE=1", "track=2");
    load();
    char id[ID_SIZE];
    (void)snprintf(id, sizeof id, "%s", report.release_id);
    CLIP("2.flac", 3, "BARCODE=1", "track=2");
    load();
    assert_string_equal(report.release_id, id);
    assert_int_equal(report.status, LOAD_RELEASE_CHANGED);
    assert_int_equal(file_of("1.flac")->status, LOAD_UNCHANGED);
    assert_int_equal(file_of("2.flac")->status, LOAD_ADDED);
    assert_release_is_whole(2);
    test_catalog_file(&catalog, "cover.png", png, sizeof png);
    load();
    assert_int_equal(report.status, LOAD_RELEASE_CHANGED);
    load();
    assert_int_equal(report.status, LOAD_RELEASE_UNCHANGED);
}

static void folders_without_audio_are_no_release(void **state)
{
    (void)state;
    load();
    assert_int_equal(report.status, LOAD_RELEASE_EMPTY);
    assert_string_equal(report.release_id, "");
    assert_int_equal(report.file_count, 0);
    text_file("fake.mp3", "text");
    text_file("empty.flac", "");
    test_catalog_file(&catalog, "cover.png", png, sizeof png);
    load();
    assert_int_equal(report.status, LOAD_RELEASE_EMPTY);
    assert_int_equal(file_of("fake.mp3")->status, LOAD_FAILED);
    assert_int_equal(file_of("empty.flac")->status, LOAD_FAILED);
    assert_int_equal(file_of("cover.png")->status, LOAD_SKIPPED);
    struct buffer nothing = test_catalog_dump(&catalog);
    assert_int_equal(nothing.length, 0);
}

static void covers_must_be_images(void **state)
{
    (void)state;
    CLIP("1.flac", 1, NULL);
    text_file("cover.jpg", "no image");
    load();
    assert_int_equal(file_of("cover.jpg")->status, LOAD_FAILED);
    assert_string_equal(file_of("cover.jpg")->reason, "not_image");
    struct release release;
    assert_int_equal(
        release_read(catalog.redis, report.release_id, &release, NULL),
        STATUS_OK);
    assert_string_equal(release.cover_name, "");
    release_clear(&release);
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F'};
    test_catalog_file(&catalog, "cover.jpg", jpeg, sizeof jpeg);
    test_catalog_file(&catalog, "cover.png", png, sizeof png);
    load();
    assert_int_equal(file_of("cover.jpg")->status, LOAD_COVER);
    assert_int_equal(file_of("cover.png")->status, LOAD_SKIPPED);
}

static void links_and_pipes_are_not_followed(void **state)
{
    (void)state;
    CLIP("1.flac", 1, NULL);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/link.flac", catalog.folder);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    (void)snprintf(path, sizeof path, "%s/pipe.mp3", catalog.folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)snprintf(path, sizeof path, "%s/sub", catalog.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    load();
    assert_int_equal(report.file_count, 3);
    assert_int_equal(file_of("link.flac")->status, LOAD_SKIPPED);
    assert_int_equal(file_of("pipe.mp3")->status, LOAD_SKIPPED);
    assert_release_is_whole(1);
}

static void names_that_are_no_text_are_shown_as_text(void **state)
{
    (void)state;
    CLIP("1\xff.flac", 1, NULL);
    load();
    assert_int_equal(file_of("1\xef\xbf\xbd.flac")->status, LOAD_ADDED);
    assert_release_is_whole(1);
}

static void expect_failure(enum status expected, const char *folder,
                           const char *code)
{
    struct error err = {0};
    load_report_clear(&report);
    assert_int_equal(loader_load(&report, &catalog.loader, folder, "Folder",
                                 false, NOW_MS, &err),
                     expected);
    assert_string_equal(err.code, code);
    assert_null(report.files);
    assert_int_equal(report.file_count, 0);
}

static void bad_folders_are_errors(void **state)
{
    (void)state;
    expect_failure(STATUS_INVALID, "/nonexistent", "bad_folder");
    expect_failure(STATUS_INVALID, "/etc/passwd", "bad_folder");
    for (int i = 0; i <= LOADER_MAX_FILES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d.txt", i);
        text_file(name, "");
    }
    expect_failure(STATUS_LIMIT, catalog.folder, "too_many_files");
}

static void masters_that_cannot_be_written_leave_nothing(void **state)
{
    (void)state;
    CLIP("1.flac", 1, NULL);
    int fd = open(catalog.masters, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(close(fd), 0);
    expect_failure(STATUS_UNAVAILABLE, catalog.folder, "masters_write");
    struct buffer nothing = test_catalog_dump(&catalog);
    assert_int_equal(nothing.length, 0);
    assert_int_equal(unlink(catalog.masters), 0);
    load();
    assert_release_is_whole(1);
}

static void gone_redis_is_unavailable_and_loading_again_heals(void **state)
{
    (void)state;
    make_album();
    test_redis_kill(&catalog.server);
    expect_failure(STATUS_UNAVAILABLE, catalog.folder, "redis_unavailable");
    test_redis_restart(&catalog.server);
    load();
    assert_release_is_whole(3);
}

static void call2(const char *command, const char *key, const char *field)
{
    const struct redis_arg args[] = {redis_text(command), redis_text(key),
                                     redis_text(field == NULL ? "" : field)};
    assert_int_equal(
        redis_call(catalog.redis, NULL, args, field == NULL ? 2 : 3, NULL),
        STATUS_OK);
}

/* What a crash can leave, step by step from the last one back. */
static void every_unfinished_state_is_healed(void **state)
{
    (void)state;
    make_album();
    load();
    char recording[96];
    char release[96];
    char print[32];
    struct recording first = recording_of("01.flac");
    (void)snprintf(recording, sizeof recording, "recording:%s", first.id);
    (void)snprintf(release, sizeof release, "release:%s", report.release_id);
    (void)snprintf(print, sizeof print, "print:%u", (unsigned)first.number);
    for (int step = 0; step < 4; step++) {
        call2("ZREM", "releases", report.release_id);
        if (step >= 1) {
            call2("DEL", release, NULL);
        }
        if (step >= 2) {
            call2("HDEL", recording, "indexed");
        }
        if (step >= 3) { /* only the claimed number is there */
            struct recording none;
            call2("HDEL", recording, "sha256");
            call2("DEL", print, NULL);
            assert_int_equal(
                recording_read(catalog.redis, first.id, &none, NULL),
                STATUS_NOT_FOUND);
        }
        load();
        assert_release_is_whole(3);
        assert_int_equal(recording_of("01.flac").number, first.number);
    }
}

static void missing_master_comes_back(void **state)
{
    (void)state;
    CLIP("1.flac", 1, NULL);
    load();
    struct recording recording = recording_of("1.flac");
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", catalog.masters,
                   recording.master_name);
    assert_int_equal(unlink(path), 0);
    load();
    assert_master_is(recording.master_name, "1.flac");
}

/* A reader meets no release, or a whole one. */
static void assert_no_half_release(const char *release_id)
{
    struct release release;
    enum status status =
        release_read(catalog.redis, release_id, &release, NULL);
    if (status == STATUS_NOT_FOUND) {
        return;
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(release.track_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_is_found(release.tracks[i].recording_id);
    }
    release_clear(&release);
}

/* kill -9 of the loading process at many moments. */
static void killed_load_is_finished_by_the_next(void **state)
{
    (void)state;
    enum { ROUNDS = 12, STEP_MS = 60 };
    make_album();
    load_as("Folder", true);
    char release_id[ID_SIZE];
    (void)snprintf(release_id, sizeof release_id, "%s", report.release_id);
    for (int round = 0; round < ROUNDS; round++) {
        call2("FLUSHALL", "SYNC", NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            /* a killed process must not leave half a conversation on the
             * sockets of the decoders that the next load uses */
            struct load_report own;
            catalog.loader.decoders = test_catalog_decoders();
            (void)!loader_load(&own, &catalog.loader, catalog.folder, "Folder",
                               false, NOW_MS, NULL);
            _exit(0);
        }
        const struct timespec pause = {.tv_sec = round * STEP_MS / 1000,
                                       .tv_nsec =
                                           round * STEP_MS % 1000 * 1000000L};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_no_half_release(release_id);
        load();
        assert_string_equal(report.release_id, release_id);
        assert_release_is_whole(3);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(folder_becomes_a_release),
        TEST(recordings_keep_facts_and_the_very_bytes),
        TEST(loaded_recordings_are_found_by_their_sound),
        TEST(loading_again_changes_nothing),
        TEST(dry_run_tells_what_a_load_does_and_writes_nothing),
        TEST(names_stand_in_for_missing_tags),
        TEST(same_file_twice_is_one_recording_with_two_places),
        TEST(recording_of_another_release_is_linked),
        TEST(corrected_delivery_changes_the_release),
        TEST(folders_without_audio_are_no_release),
        TEST(covers_must_be_images),
        TEST(links_and_pipes_are_not_followed),
        TEST(names_that_are_no_text_are_shown_as_text),
        TEST(bad_folders_are_errors),
        TEST(masters_that_cannot_be_written_leave_nothing),
        TEST(gone_redis_is_unavailable_and_loading_again_heals),
        TEST(every_unfinished_state_is_healed),
        TEST(missing_master_comes_back),
        TEST(killed_load_is_finished_by_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
