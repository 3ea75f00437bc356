/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: an entry's tags are the subscriber's, the catalog's where these say
 * nothing and the file name's at last; its sound is what will be streamed. */
#include "api/entry_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect_name(const char *filename, const char *artist,
                        const char *title, uint32_t track)
{
    struct tags tags = {0};
    entry_build_name(&tags, filename);
    assert_string_equal(tags.artist, artist);
    assert_string_equal(tags.title, title);
    assert_int_equal(tags.track, track);
}

static void test_file_names_are_read(void **state)
{
    (void)state;
    expect_name("Artist - Title.mp3", "Artist", "Title", 0);
    expect_name("07 - Artist - Title.flac", "Artist", "Title", 7);
    expect_name("07 - Title.m4a", "", "Title", 7);
    expect_name("Title.mp3", "", "Title", 0);
    expect_name("1999 - Title.mp3", "1999", "Title", 0);
    expect_name("Mr. Brown", "", "Mr. Brown", 0);
    expect_name("Artist - Title - Live.ogg", "Artist", "Title - Live", 0);
    expect_name(".mp3", "", ".mp3", 0);
    expect_name("", "", "", 0);
    expect_name(" - .mp3", "", "-", 0);
}

static void test_tags_stand_before_the_file_name(void **state)
{
    (void)state;
    struct tags tags = {.title = "Own", .track = 3};
    entry_build_name(&tags, "07 - Artist - Title.mp3");
    assert_string_equal(tags.title, "Own");
    assert_string_equal(tags.artist, ""); /* of another title, perhaps */
    assert_int_equal(tags.track, 3);
}

static const struct upload upload = {.filename = "01 - Someone - Other.mp3",
                                     .size_bytes = 1000};
static const struct recording recording = {
    .id = "rec_1",
    .title = "Catalog title",
    .artist = "Catalog artist",
    .isrc = "DEA123456789",
    .advisory = ADVISORY_EXPLICIT,
    .duration_ms = 200000,
    .release_title = "Catalog album",
    .container = CONTAINER_FLAC,
    .size_bytes = 9000,
};

static void test_a_match_streams_the_master(void **state)
{
    (void)state;
    const struct audio_facts facts = {
        .container = CONTAINER_MP3,
        .duration_ms = 199000,
        .tags = {.title = "Own title", .isrc = "USX000000000"}};
    const struct evidence evidence = {.kind = VERDICT_MATCHED};
    const struct entry_parts parts = {.upload = &upload,
                                      .facts = &facts,
                                      .evidence = &evidence,
                                      .matched = &recording,
                                      .content_id = "c",
                                      .track_id = "trk_1",
                                      .now_ms = 5};
    struct entry entry;
    entry_build(&entry, &parts);
    assert_int_equal(entry.status, ENTRY_MATCHED);
    assert_string_equal(entry.reason, "matched");
    assert_string_equal(entry.title, "Own title");
    assert_string_equal(entry.artist, "Catalog artist");
    assert_string_equal(entry.album, "Catalog album");
    assert_int_equal(entry.track, 1); /* the file name fills what is left */
    assert_string_equal(entry.isrc, "DEA123456789");
    assert_int_equal(entry.advisory, ADVISORY_EXPLICIT);
    assert_int_equal(entry.duration_ms, 200000);
    assert_int_equal(entry.container, CONTAINER_FLAC);
    assert_int_equal(entry.size_bytes, 9000);
    assert_string_equal(entry.recording_id, "rec_1");
    assert_string_equal(entry.id, "trk_1");
    assert_int_equal(entry.added_ms, 5);
}

static void test_own_audio_stays_the_subscribers(void **state)
{
    (void)state;
    const struct audio_facts facts = {.container = CONTAINER_MP3,
                                      .duration_ms = 199000};
    const struct evidence evidence = {.kind = VERDICT_OTHER_EDITION,
                                      .recording_id = "rec_1"};
    const struct entry_parts parts = {.upload = &upload,
                                      .facts = &facts,
                                      .evidence = &evidence,
                                      .content_id = "c",
                                      .track_id = "trk_1"};
    struct entry entry;
    entry_build(&entry, &parts);
    assert_int_equal(entry.status, ENTRY_UPLOADED);
    assert_string_equal(entry.reason, "other_edition");
    assert_string_equal(entry.title, "Other");
    assert_string_equal(entry.artist, "Someone");
    assert_string_equal(entry.album, "");
    assert_int_equal(entry.duration_ms, 199000);
    assert_int_equal(entry.container, CONTAINER_MP3);
    assert_int_equal(entry.size_bytes, 1000);
    assert_string_equal(entry.recording_id, "");
}

/* Texts come out of the sandboxed process, which a hostile file may own. */
static void test_hostile_tags_become_clean_text(void **state)
{
    (void)state;
    const struct audio_facts facts = {
        .tags = {.title = "a\x01\xff", .artist = "\n"}};
    const struct evidence evidence = {0};
    const struct upload unnamed = {0};
    const struct entry_parts parts = {.upload = &unnamed,
                                      .facts = &facts,
                                      .evidence = &evidence,
                                      .content_id = "c",
                                      .track_id = "trk_1"};
    struct entry entry;
    entry_build(&entry, &parts);
    assert_string_equal(entry.title, "a \xef\xbf\xbd");
    assert_string_equal(entry.artist, "");
    assert_string_equal(entry.reason, "no_candidate");
}

static void test_evidence_names_what_the_verdict_means(void **state)
{
    (void)state;
    static struct judged judged;
    judged =
        (struct judged){.verdict = {.kind = VERDICT_OTHER_EDITION,
                                    .best = 1,
                                    .runner_up = 0,
                                    .bit_error_rate = 0.01,
                                    .runner_up_bit_error_rate = 0.4,
                                    .cause = CAUSE_SIDE,
                                    .sketch_score = 1.5,
                                    .side_score = 2.5,
                                    .residual_db = -6,
                                    .drift_ppm = 120,
                                    .aligned_ms = 1000,
                                    .difference_count = 1,
                                    .differences = {{1, 2}}},
                        .nearest = {.candidate_count = 7,
                                    .recordings = {{.id = "rec_0"}, recording}},
                        .attempt = ATTEMPT_NEIGHBOURS};
    struct evidence evidence;
    entry_build_evidence(&evidence, &judged);
    assert_int_equal(evidence.kind, VERDICT_OTHER_EDITION);
    assert_int_equal(evidence.cause, CAUSE_SIDE);
    assert_true(evidence.sketch_score == 1.5);
    assert_true(evidence.side_score == 2.5);
    assert_true(evidence.residual_db == -6);
    assert_true(evidence.drift_ppm == 120);
    assert_int_equal(evidence.attempt, ATTEMPT_NEIGHBOURS);
    assert_string_equal(evidence.recording_id, "rec_1");
    assert_string_equal(evidence.title, "Catalog title");
    assert_string_equal(evidence.release, "Catalog album");
    assert_string_equal(evidence.runner_up_id, "rec_0");
    assert_int_equal(evidence.candidate_count, 7);
    assert_int_equal(evidence.differences[0].end_ms, 2);
    judged.verdict.best = VERDICT_NONE;
    judged.verdict.runner_up = VERDICT_NONE;
    entry_build_evidence(&evidence, &judged);
    assert_string_equal(evidence.recording_id, "");
    assert_string_equal(evidence.runner_up_id, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_names_are_read),
        cmocka_unit_test(test_tags_stand_before_the_file_name),
        cmocka_unit_test(test_a_match_streams_the_master),
        cmocka_unit_test(test_own_audio_stays_the_subscribers),
        cmocka_unit_test(test_hostile_tags_become_clean_text),
        cmocka_unit_test(test_evidence_names_what_the_verdict_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
