/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a song is found, compared with the catalog's sketches and, when the
 * first look-up finds nothing, looked for once more a bit further off. What the
 * comparison needs and the disk has lost is drawn anew, or the song is not
 * matched; it is never the subscriber's error. */
#include "api/judge.h"
#include "catalog/releases/sketches.h"
#include "tests/support/catalog.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/sound.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SONGS = 3, SONG_SECONDS = 60, PATH_SIZE = 256 };

static struct test_catalog catalog;
static struct load_report report;
static struct service service;
static struct judged judged;

/* ---- a catalog of three songs ---- */

static void start_service(void)
{
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(quiet >= 0);
    assert_int_equal(log_open(&service.log, quiet, NULL), STATUS_OK);
    (void)snprintf(service.masters_folder, sizeof service.masters_folder, "%s",
                   catalog.masters);
    const struct index_options options = {.address = catalog.server.address};
    assert_int_equal(index_open(&service.index, &options, NULL), STATUS_OK);
    service.decoders = catalog.decoders;
    assert_int_equal(decoder_pool_open(&service.master_decoders,
                                       sound_program("bin", "refrain-decoder"),
                                       1, NULL),
                     STATUS_OK);
}

static int set_up(void **state)
{
    struct error err = {0};
    int bad = sound_set_up(state);
    if (bad != 0) {
        return bad;
    }
    test_catalog_start(&catalog);
    for (int i = 0; i < SONGS; i++) {
        sound_run("$compose %d %d >s%d.wav; ffmpeg -nostdin -v error -i "
                  "s%d.wav -metadata title=Song%d -metadata album=Album "
                  "%s/%d.flac",
                  500 + i, SONG_SECONDS, i, i, i, catalog.folder, i);
    }
    sound_run("$compose 900 %d >stranger.wav", SONG_SECONDS);
    sound_run("ffmpeg -nostdin -v error -ss 0.3 -i s1.wav -b:a 128k rip.mp3");
    if (loader_load(&report, &catalog.loader, catalog.folder, "Folder", false,
                    1, &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
    start_service();
    return 0;
}

static int tear_down(void **state)
{
    decoder_pool_close(service.master_decoders);
    index_close(service.index);
    log_close(service.log);
    load_report_clear(&report);
    test_catalog_stop(&catalog);
    return sound_tear_down(state);
}

static struct decoder *open_file(const char *name)
{
    struct decoder *decoder = NULL;
    struct error err = {0};
    int fd = sound_open(name);
    if (decoder_open(&decoder, catalog.decoders, fd, &err) != STATUS_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    (void)close(fd);
    return decoder;
}

static void judge_file(const char *name)
{
    struct decoder *decoder = open_file(name);
    struct error err = {0};
    judged_clear(&judged);
    if (judge_song(&judged, &service, catalog.redis, decoder, &err) !=
        STATUS_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    decoder_close(decoder);
}

static int forget(void **state)
{
    (void)state;
    judged_clear(&judged);
    return 0;
}

static const char *best_title(void)
{
    assert_true(judged.verdict.best != VERDICT_NONE);
    return judged.nearest.recordings[judged.verdict.best].title;
}

static void assert_matched(const char *name, const char *title)
{
    judge_file(name);
    if (judged.verdict.kind != VERDICT_MATCHED) {
        fail_msg("%s: kind %d, cause %s", name, (int)judged.verdict.kind,
                 verdict_cause_word(judged.verdict.cause));
    }
    assert_string_equal(best_title(), title);
}

static struct recording recording_of(size_t index)
{
    struct recording recording;
    assert_int_equal(recording_read(catalog.redis,
                                    report.files[index].recording_id,
                                    &recording, NULL),
                     STATUS_OK);
    return recording;
}

static void path_of(char out[PATH_SIZE], size_t index, const char *ending)
{
    struct recording recording = recording_of(index);
    (void)snprintf(out, PATH_SIZE, "%s/%.2s/%s.%s", catalog.masters,
                   recording.master_sha256, recording.master_sha256, ending);
}

/* ---- tests ---- */

static void a_rip_is_found_at_the_first_try(void **state)
{
    (void)state;
    assert_matched("rip.mp3", "Song1");
    assert_int_equal(judged.attempt, ATTEMPT_FIRST);
    assert_int_equal(judged.verdict.cause, CAUSE_NONE);
    assert_true(judged.verdict.sketch_score > 0);
}

static void a_stranger_is_looked_for_twice(void **state)
{
    (void)state;
    judge_file("stranger.wav");
    assert_int_equal(judged.verdict.kind, VERDICT_UNMATCHED);
    assert_int_equal(judged.attempt, ATTEMPT_NEIGHBOURS);
}

static void a_lost_or_damaged_sketch_is_drawn_anew(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    struct recording recording = recording_of(1);
    struct stat whole;
    struct stat healed;
    path_of(path, 1, "sketch");
    assert_int_equal(stat(path, &whole), 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(round == 0 ? unlink(path) : truncate(path, 1000), 0);
        assert_matched("rip.mp3", "Song1");
        assert_int_equal(stat(path, &healed), 0);
        assert_int_equal(healed.st_size, whole.st_size);
        struct sketch sketch;
        assert_int_equal(sketches_read(&sketch, catalog.masters,
                                       recording.master_name, NULL),
                         STATUS_OK);
        sketch_clear(&sketch);
    }
}

/* A folder in its place: what is drawn cannot be stored, and serves all the
 * same. */
static void a_sketch_that_cannot_be_stored_serves_once(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    path_of(path, 1, "sketch");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_matched("rip.mp3", "Song1");
    assert_int_equal(rmdir(path), 0);
    assert_matched("rip.mp3", "Song1");
}

static void without_sketch_and_master_nothing_is_matched(void **state)
{
    (void)state;
    char sketch[PATH_SIZE];
    char master[PATH_SIZE];
    char away[PATH_SIZE + 8];
    path_of(sketch, 1, "sketch");
    path_of(master, 1, "flac");
    (void)snprintf(away, sizeof away, "%s.away", master);
    assert_int_equal(unlink(sketch), 0);
    assert_int_equal(rename(master, away), 0);
    judge_file("rip.mp3");
    assert_int_not_equal(judged.verdict.kind, VERDICT_MATCHED);
    assert_int_equal(rename(away, master), 0);
    assert_matched("rip.mp3", "Song1");
}

static void the_source_opens_masters_by_their_place(void **state)
{
    (void)state;
    judge_file("rip.mp3");
    struct nearest_masters masters = {&judged.nearest, catalog.masters,
                                      service.master_decoders, service.log};
    const struct reference_source source = nearest_source(&masters);
    assert_true(judged.nearest.count > 0);
    for (size_t i = 0; i < judged.nearest.count; i++) {
        struct decoder *decoder = NULL;
        struct sketch sketch;
        assert_int_equal(source.master(source.context, i, &decoder, NULL),
                         STATUS_OK);
        assert_string_equal(decoder_facts(decoder)->tags.title,
                            judged.nearest.recordings[i].title);
        decoder_close(decoder);
        assert_int_equal(source.sketch(source.context, i, &sketch, NULL),
                         STATUS_OK);
        /* 60 s of 11025 Hz in steps of 512, stereo */
        assert_in_range(sketch.frame_count, 1285, 1295);
        assert_non_null(sketch.side.cells);
        sketch_clear(&sketch);
    }
}

/* The print of song `index` with one bit of every item turned: one of the 28
 * that make a term, and none of the 24 by which prints are aligned. */
static struct fingerprint print_beside(size_t index, unsigned bit)
{
    struct fingerprint print = {0};
    assert_int_equal(recording_print(catalog.redis, recording_of(index).number,
                                     &print, NULL),
                     STATUS_OK);
    for (size_t i = 0; i < print.item_count; i++) {
        print.items[i] ^= UINT32_C(1) << bit;
    }
    return print;
}

static bool is_worth(const struct fingerprint *print)
{
    bool worth = false;
    struct error err = {0};
    if (judge_is_worth(&worth, &service, catalog.redis, print, 0, &err) !=
        STATUS_OK) {
        fail_msg("%s", err.text);
    }
    return worth;
}

static void neighbours_find_what_lost_a_bit_everywhere(void **state)
{
    (void)state;
    static struct nearest nearest;
    struct fingerprint print = print_beside(2, 5);
    struct nearest_query query = {
        .index = service.index, .redis = catalog.redis, .print = &print};
    assert_int_equal(nearest_find(&nearest, &query, NULL), STATUS_OK);
    for (size_t i = 0; i < nearest.count; i++) {
        assert_string_not_equal(nearest.recordings[i].title, "Song2");
    }
    nearest_clear(&nearest);
    query.attempt = ATTEMPT_NEIGHBOURS;
    assert_int_equal(nearest_find(&nearest, &query, NULL), STATUS_OK);
    assert_true(nearest.count > 0);
    assert_string_equal(nearest.recordings[0].title, "Song2");
    assert_true(is_worth(&print));
    /* to those that know it already it is not */
    query.newer_than = nearest.recordings[0].number;
    nearest_clear(&nearest);
    assert_int_equal(nearest_find(&nearest, &query, NULL), STATUS_OK);
    for (size_t i = 0; i < nearest.count; i++) {
        assert_true(nearest.recordings[i].number > query.newer_than);
    }
    nearest_clear(&nearest);
    fingerprint_clear(&print);
}

static void a_stored_print_tells_whether_to_open_the_audio(void **state)
{
    (void)state;
    struct decoder *rip = open_file("rip.mp3");
    struct decoder *stranger = open_file("stranger.wav");
    assert_true(is_worth(decoder_fingerprint(rip)));
    assert_false(is_worth(decoder_fingerprint(stranger)));
    decoder_close(rip);
    decoder_close(stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_rip_is_found_at_the_first_try, forget),
        cmocka_unit_test_teardown(a_stranger_is_looked_for_twice, forget),
        cmocka_unit_test_teardown(a_lost_or_damaged_sketch_is_drawn_anew,
                                  forget),
        cmocka_unit_test_teardown(a_sketch_that_cannot_be_stored_serves_once,
                                  forget),
        cmocka_unit_test_teardown(without_sketch_and_master_nothing_is_matched,
                                  forget),
        cmocka_unit_test_teardown(the_source_opens_masters_by_their_place,
                                  forget),
        cmocka_unit_test(neighbours_find_what_lost_a_bit_everywhere),
        cmocka_unit_test(a_stored_print_tells_whether_to_open_the_audio),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
