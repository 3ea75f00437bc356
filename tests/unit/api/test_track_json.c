/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: entries, evidence and uploads come out as JSON with the agreed fields,
 * and what is unknown is null. */
#include "api/routes/track_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_string(value));
    return json_string_value(value);
}

static json_int_t integer_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void assert_null_member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_non_null(value);
    assert_true(json_is_null(value));
}

static struct evidence matched_evidence(void)
{
    return (struct evidence){.kind = VERDICT_MATCHED,
                             .recording_id = "rec_1",
                             .title = "Song",
                             .artist = "Band",
                             .release = "Album",
                             .isrc = "DEA123456789",
                             .bit_error_rate = 0.0123456789,
                             .sketch_score = 1.25,
                             .aligned_ms = 200000,
                             .offset_ms = -62,
                             .runner_up_id = "rec_2",
                             .runner_up_bit_error_rate = 0.4};
}

static void test_a_track_has_the_agreed_fields(void **state)
{
    (void)state;
    const struct entry entry = {.id = "trk_1",
                                .status = ENTRY_MATCHED,
                                .reason = "matched",
                                .title = "Song",
                                .artist = "Band",
                                .album = "Album",
                                .track = 7,
                                .duration_ms = 215000,
                                .isrc = "DEA123456789",
                                .advisory = ADVISORY_EXPLICIT,
                                .added_ms = INT64_C(482196050000),
                                .container = CONTAINER_FLAC,
                                .size_bytes = UINT64_C(5000000000),
                                .recording_id = "rec_1",
                                .version = 3};
    json_t *track = track_json(&entry);
    assert_string_equal(text_of(track, "id"), "trk_1");
    assert_string_equal(text_of(track, "status"), "matched");
    assert_string_equal(text_of(track, "reason"), "matched");
    assert_string_equal(text_of(track, "title"), "Song");
    assert_string_equal(text_of(track, "artist"), "Band");
    assert_string_equal(text_of(track, "album"), "Album");
    assert_int_equal(integer_of(track, "track"), 7);
    assert_int_equal(integer_of(track, "duration_ms"), 215000);
    assert_string_equal(text_of(track, "isrc"), "DEA123456789");
    assert_string_equal(text_of(track, "advisory"), "explicit");
    assert_string_equal(text_of(track, "added_at"), "1985-04-12T23:20:50Z");
    assert_null_member(track, "fixed_at");
    assert_string_equal(text_of(track, "content_type"), "audio/flac");
    assert_int_equal(integer_of(track, "size_bytes"), 5000000000);
    assert_string_equal(text_of(track, "recording_id"), "rec_1");
    assert_int_equal(integer_of(track, "version"), 3);
    assert_null_member(track, "replay_gain_db");
    assert_null_member(track, "disc");
    assert_null_member(track, "album_artist");
    json_decref(track);
}

static void test_unknown_is_null(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "artist",   "album",        "album_artist", "disc",
        "track",    "date",         "isrc",         "advisory",
        "filename", "recording_id", "duration_ms"};
    const struct entry entry = {
        .id = "trk_1", .status = ENTRY_UPLOADED, .title = "Untitled"};
    json_t *track = track_json(&entry);
    assert_string_equal(text_of(track, "status"), "uploaded");
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_null_member(track, unknown[i]);
    }
    json_decref(track);
}

static void test_a_match_carries_its_evidence(void **state)
{
    (void)state;
    const struct evidence evidence = matched_evidence();
    json_t *match = match_json(&evidence);
    assert_string_equal(text_of(match, "recording_id"), "rec_1");
    assert_string_equal(text_of(match, "title"), "Song");
    assert_string_equal(text_of(match, "artist"), "Band");
    assert_string_equal(text_of(match, "release"), "Album");
    assert_string_equal(text_of(match, "isrc"), "DEA123456789");
    assert_string_equal(text_of(match, "edition"), "same");
    assert_int_equal(integer_of(match, "aligned_ms"), 200000);
    assert_int_equal(integer_of(match, "offset_ms"), -62);
    double rate = json_real_value(json_object_get(match, "bit_error_rate"));
    assert_true(rate > 0.0123455 && rate < 0.0123465);
    const json_t *runner_up = json_object_get(match, "runner_up");
    assert_string_equal(text_of(runner_up, "recording_id"), "rec_2");
    json_decref(match);
}

static double real_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_real(value));
    return json_real_value(value);
}

static void test_what_was_not_measured_is_null(void **state)
{
    (void)state;
    struct evidence evidence = matched_evidence();
    json_t *match = match_json(&evidence);
    const json_t *sketch = json_object_get(match, "sketch");
    assert_true(real_of(sketch, "score") == 1.25);
    assert_null_member(sketch, "side_score");
    assert_null_member(match, "residual_db");
    assert_null_member(match, "cause");
    assert_true(real_of(match, "drift_ppm") == 0);
    assert_string_equal(text_of(match, "attempt"), "first");
    json_decref(match);
    evidence.sketch_score = 0;
    match = match_json(&evidence);
    assert_null_member(match, "sketch");
    json_decref(match);
}

static void test_the_comparison_comes_with_its_figures(void **state)
{
    (void)state;
    struct evidence evidence = matched_evidence();
    evidence.kind = VERDICT_HELD;
    evidence.cause = CAUSE_DOUBT;
    evidence.side_score = 1.75;
    evidence.residual_db = -10.5;
    evidence.drift_ppm = -250;
    evidence.attempt = ATTEMPT_NEIGHBOURS;
    json_t *match = match_json(&evidence);
    assert_string_equal(text_of(match, "edition"), "unsure");
    assert_string_equal(text_of(match, "cause"), "doubt");
    assert_string_equal(text_of(match, "attempt"), "neighbours");
    assert_true(real_of(json_object_get(match, "sketch"), "side_score") ==
                1.75);
    assert_true(real_of(match, "residual_db") == -10.5);
    assert_true(real_of(match, "drift_ppm") == -250);
    json_decref(match);
}

/* Every cause has words of its own, for other editions and for held ones. */
static void test_an_explanation_says_what_differs_and_where(void **state)
{
    (void)state;
    struct entry entry = {.status = ENTRY_UPLOADED,
                          .evidence = matched_evidence()};
    char previous[512] = "";
    entry.evidence.difference_count = 2;
    entry.evidence.differences[0] = (struct stretch){72500, 73000};
    entry.evidence.differences[1] = (struct stretch){80000, 81000};
    for (int kind = VERDICT_OTHER_EDITION; kind <= VERDICT_HELD; kind++) {
        entry.evidence.kind = (enum verdict_kind)kind;
        for (int cause = CAUSE_NONE; cause <= CAUSE_UNAVAILABLE; cause++) {
            entry.evidence.cause = (enum verdict_cause)cause;
            json_t *text = explanation_json(&entry);
            const char *words = json_string_value(text);
            assert_non_null(words);
            assert_non_null(strstr(words, "\"Song\""));
            assert_non_null(strstr(words, "in 2 places, first at 72 s"));
            assert_non_null(strstr(words, "Your own audio is kept."));
            assert_string_not_equal(words, previous);
            (void)snprintf(previous, sizeof previous, "%s", words);
            json_decref(text);
        }
    }
    entry.evidence.difference_count = 0;
    json_t *text = explanation_json(&entry);
    assert_null(strstr(json_string_value(text), "first at"));
    json_decref(text);
}

/* What the subscriber has said is told before what was heard. */
static void test_an_explanation_says_what_was_fixed(void **state)
{
    (void)state;
    static const struct {
        enum entry_status status;
        int64_t fixed_ms;
        const char *words;
    } cases[] = {
        {ENTRY_MATCHED, 0, "sounds the same"},
        {ENTRY_MATCHED, 1, "send your own file again"},
        {ENTRY_UPLOADED, 1, "whatever the catalog gets"},
        {ENTRY_UPLOADED, 0, "you said that it is not your song"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct entry entry = {.id = "trk_1",
                              .status = cases[i].status,
                              .fixed_ms = cases[i].fixed_ms,
                              .evidence = matched_evidence()};
        json_t *text = explanation_json(&entry);
        assert_non_null(strstr(json_string_value(text), cases[i].words));
        json_decref(text);
    }
}

static void test_another_edition_says_where_it_differs(void **state)
{
    (void)state;
    struct evidence evidence = matched_evidence();
    evidence.kind = VERDICT_OTHER_EDITION;
    evidence.runner_up_id[0] = '\0';
    evidence.difference_count = 2;
    evidence.differences[0] = (struct stretch){10000, 10700};
    evidence.differences[1] = (struct stretch){61000, 62500};
    json_t *match = match_json(&evidence);
    assert_string_equal(text_of(match, "edition"), "other");
    assert_null_member(match, "runner_up");
    const json_t *differences = json_object_get(match, "differences");
    assert_int_equal(json_array_size(differences), 2);
    const json_t *second = json_array_get(differences, 1);
    assert_int_equal(integer_of(second, "start_ms"), 61000);
    assert_int_equal(integer_of(second, "end_ms"), 62500);
    json_decref(match);
}

static void test_no_match_is_null(void **state)
{
    (void)state;
    const struct evidence nothing = {.kind = VERDICT_UNMATCHED};
    struct evidence near = matched_evidence();
    near.kind = VERDICT_UNMATCHED;
    json_t *match = match_json(&nothing);
    json_t *nearest = nearest_json(&nothing);
    assert_true(json_is_null(match));
    assert_true(json_is_null(nearest));
    json_decref(match);
    match = match_json(&near);
    nearest = nearest_json(&near);
    assert_true(json_is_null(match));
    assert_string_equal(text_of(nearest, "recording_id"), "rec_1");
    json_decref(match);
    json_decref(nearest);
}

static void test_an_upload_says_how_it_stands(void **state)
{
    (void)state;
    static const struct {
        enum upload_status status;
        const char *word;
    } words[] = {
        {UPLOAD_WAITING, "waiting"},       {UPLOAD_MATCHED, "matched"},
        {UPLOAD_UPLOADED, "uploaded"},     {UPLOAD_DUPLICATE, "duplicate"},
        {UPLOAD_INELIGIBLE, "ineligible"}, {UPLOAD_ERROR, "error"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const struct upload upload = {.id = "upl_1",
                                      .account_id = "acc_secret",
                                      .status = words[i].status,
                                      .filename = "a.mp3"};
        json_t *body = upload_json(&upload);
        assert_string_equal(text_of(body, "id"), "upl_1");
        assert_string_equal(text_of(body, "status"), words[i].word);
        assert_string_equal(text_of(body, "filename"), "a.mp3");
        assert_null_member(body, "track_id");
        assert_null_member(body, "reason");
        assert_null_member(body, "match");
        json_decref(body);
    }
}

/* A record of foreign make must not turn the whole reply into an error. */
static void test_bytes_that_are_no_utf8_are_replaced(void **state)
{
    (void)state;
    json_t *text = text_json("caf\xe9");
    assert_string_equal(json_string_value(text), "caf\xef\xbf\xbd");
    json_decref(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_track_has_the_agreed_fields),
        cmocka_unit_test(test_unknown_is_null),
        cmocka_unit_test(test_a_match_carries_its_evidence),
        cmocka_unit_test(test_what_was_not_measured_is_null),
        cmocka_unit_test(test_the_comparison_comes_with_its_figures),
        cmocka_unit_test(test_an_explanation_says_what_differs_and_where),
        cmocka_unit_test(test_an_explanation_says_what_was_fixed),
        cmocka_unit_test(test_another_edition_says_where_it_differs),
        cmocka_unit_test(test_no_match_is_null),
        cmocka_unit_test(test_an_upload_says_how_it_stands),
        cmocka_unit_test(test_bytes_that_are_no_utf8_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
