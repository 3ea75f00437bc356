/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/edition.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <math.h>
#include <stdlib.h>

/* What follows from figures; that the figures are right is shown where they
 * are measured (test_sketch, test_residual) and on files (test_match). */

enum {
    FRAMES = 4000, /* 186 s */
    DURATION_MS = FRAMES * 512 / 11 /* about */,
};

static struct judgement judgement;
static struct query query;
static struct reference reference;

static float *filled(float value)
{
    float *values = malloc(FRAMES * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < FRAMES; i++) {
        values[i] = value;
    }
    return values;
}

/* A good transcode, compared from end to end. */
static int set_up(void **state)
{
    (void)state;
    query = (struct query){.duration_ms = DURATION_MS};
    reference = (struct reference){.duration_ms = DURATION_MS};
    judgement = (struct judgement){
        .identity = {.kind = IDENTITY_SAME,
                     .spans = {0, DURATION_MS, 0, DURATION_MS}},
        .errors = {.mid = {.error_db = filled(.2F),
                           .median_db = .2F,
                           .noise_db = .2,
                           .score = 1.4},
                   .frame_count = FRAMES,
                   .gain_db = filled(.1F)},
    };
    judgement.identity.alignment = (struct alignment){.telling_items = 1400,
                                                      .lag_telling_items = 1400,
                                                      .bit_error_rate = .01};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    judgement_clear(&judgement);
    return 0;
}

static void forget_the_comparison(void)
{
    sketch_errors_clear(&judgement.errors);
}

/* An edit at `second`, for `frames` frames, that scores so much. */
static void spoil(struct sketch_channel_errors *channel, size_t second,
                  size_t frames, double score)
{
    for (size_t i = 0; i < frames; i++) {
        channel->error_db[second * 11025 / 512 + i] =
            (float)(score * (double)channel->median_db);
    }
    channel->score = score;
}

static void assert_refused(enum verdict_kind kind, enum verdict_cause cause)
{
    assert_int_equal(judgement.kind, kind);
    assert_int_equal(judgement.cause, cause);
}

static void assert_shown_at(uint32_t second)
{
    uint32_t at_ms = second * 1000;
    assert_int_equal(judgement.difference_count, 1);
    assert_true(judgement.differences[0].start_ms <= at_ms + 1500);
    assert_true(judgement.differences[0].end_ms + 1500 >= at_ms);
    assert_true(judgement.differences[0].end_ms >=
                judgement.differences[0].start_ms + 500);
}

static bool by_sketch(void)
{
    return edition_by_sketch(&judgement, &query);
}

/* The second look leaves `calm_db` over, and `place_db` in the second at
 * `second`: in the channel that is named. */
static void by_samples_of(enum pcm_channel channel, double calm_db,
                          double place_db, size_t second)
{
    static struct residual_window windows[FRAMES / 2];
    const struct residual residual = {.windows = windows,
                                      .window_count = FRAMES / 2,
                                      .step_samples = 1024,
                                      .window_samples = 4352};
    for (size_t i = 0; i < FRAMES / 2; i++) {
        bool there = i * 1024 / 11025 == second;
        float share = (float)pow(10, (there ? place_db : calm_db) / 10);
        windows[i] =
            (struct residual_window){.mid = channel == PCM_MID ? share : 0,
                                     .side = channel == PCM_SIDE ? share : 0};
    }
    assert_int_equal(judgement.kind, VERDICT_HELD);
    assert_int_equal(edition_by_samples(&judgement, &query, &residual, NULL),
                     STATUS_OK);
}

static void by_samples(double calm_db, double place_db, size_t second)
{
    by_samples_of(PCM_MID, calm_db, place_db, second);
}

/* ---- by the identity ---- */

static void another_song_is_unmatched(void **state)
{
    (void)state;
    forget_the_comparison();
    judgement.identity.kind = IDENTITY_NONE;
    assert_true(edition_by_identity(&judgement, &query, &reference));
    assert_refused(VERDICT_UNMATCHED, CAUSE_NONE);
}

static void a_shared_part_is_another_edition(void **state)
{
    struct alignment *alignment = &judgement.identity.alignment;
    (void)state;
    forget_the_comparison();
    judgement.identity.kind = IDENTITY_PART;
    alignment->segment_count = 2;
    alignment->segments[0] = (struct segment){0, 400, 0};
    alignment->segments[1] = (struct segment){560, 900, 0};
    assert_true(edition_by_identity(&judgement, &query, &reference));
    assert_refused(VERDICT_OTHER_EDITION, CAUSE_STRUCTURE);
    assert_shown_at(60); /* items 400 to 560 hear 51 to 70 s */
}

/* A trim of 30 s at either end goes on to the sketch; more does not, nor does
 * sound that the recording lacks. */
static void trims_are_forgiven_to_thirty_seconds(void **state)
{
    static const struct {
        int64_t query_start_ms;
        int64_t query_end_ms;
        bool refused;
    } cases[] = {
        {30000, DURATION_MS, false},    {0, DURATION_MS - 30000, false},
        {30000, 160000, false},         {32000, DURATION_MS, true},
        {0, DURATION_MS - 32000, true}, {-1900, DURATION_MS, false},
        {-3000, DURATION_MS, true},     {0, DURATION_MS + 3000, true},
    };
    (void)state;
    forget_the_comparison();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        judgement.identity.spans.query_start_ms = cases[i].query_start_ms;
        judgement.identity.spans.query_end_ms = cases[i].query_end_ms;
        assert_int_equal(edition_by_identity(&judgement, &query, &reference),
                         cases[i].refused);
        if (cases[i].refused) {
            assert_refused(VERDICT_OTHER_EDITION, CAUSE_ENDS);
        }
    }
}

static void explicit_and_clean_are_never_the_same(void **state)
{
    (void)state;
    forget_the_comparison();
    query.advisory = ADVISORY_EXPLICIT;
    assert_false(edition_by_identity(&judgement, &query, &reference));
    reference.advisory = ADVISORY_EXPLICIT;
    assert_false(edition_by_identity(&judgement, &query, &reference));
    reference.advisory = ADVISORY_CLEAN;
    assert_true(edition_by_identity(&judgement, &query, &reference));
    assert_refused(VERDICT_OTHER_EDITION, CAUSE_ADVISORY);
}

/* ---- by the sketch ---- */

static void a_good_transcode_is_matched(void **state)
{
    (void)state;
    assert_true(by_sketch());
    assert_refused(VERDICT_MATCHED, CAUSE_NONE);
    assert_int_equal(judgement.difference_count, 0);
}

static void a_changed_word_is_another_edition_with_its_place(void **state)
{
    (void)state;
    spoil(&judgement.errors.mid, 100, 20, 9);
    assert_false(by_sketch());
    by_samples(-20, -3, 100);
    assert_refused(VERDICT_OTHER_EDITION, CAUSE_SKETCH);
    assert_shown_at(100);
    assert_true(fabs(judgement.residual_db + 3) < .01);
}

static void a_word_in_the_side_alone_is_found(void **state)
{
    (void)state;
    judgement.errors.side =
        (struct sketch_channel_errors){.error_db = filled(.3F),
                                       .median_db = .3F,
                                       .noise_db = .3,
                                       .score = 1.3};
    assert_true(by_sketch());
    assert_refused(VERDICT_MATCHED, CAUSE_NONE);
    spoil(&judgement.errors.side, 30, 20, 9);
    assert_false(by_sketch());
    by_samples_of(PCM_SIDE, -20, -3, 30);
    assert_refused(VERDICT_OTHER_EDITION, CAUSE_SIDE);
    assert_shown_at(30);
}

/* A fade has no sharp place: the gain shows it. */
static void an_early_fade_is_another_edition(void **state)
{
    (void)state;
    judgement.identity.spans.query_end_ms = DURATION_MS - 12000;
    assert_true(by_sketch());
    assert_refused(VERDICT_MATCHED, CAUSE_NONE); /* a trim */
    for (size_t i = FRAMES - 60; i < FRAMES; i++) {
        judgement.errors.gain_db[i] = -5;
    }
    assert_true(by_sketch());
    assert_refused(VERDICT_OTHER_EDITION, CAUSE_FADE);
}

/* A rest of half a second in a soft place, where the sketch sees nothing. */
static void a_silent_place_is_another_edition(void **state)
{
    (void)state;
    judgement.identity.silent_hops = 1;
    assert_true(by_sketch());
    assert_refused(VERDICT_MATCHED, CAUSE_NONE);
    judgement.identity.silent_hops = 4;
    judgement.identity.silent_start_ms = 40000;
    judgement.identity.silent_end_ms = 40500;
    assert_true(by_sketch());
    assert_refused(VERDICT_OTHER_EDITION, CAUSE_FADE);
    assert_shown_at(40);
}

/* Where the reference is at the bottom of its scale there is no gain. */
static void silence_has_no_gain(void **state)
{
    (void)state;
    judgement.errors.gain_db[17] = NAN;
    assert_true(by_sketch());
    assert_refused(VERDICT_MATCHED, CAUSE_NONE);
}

static void too_many_bit_errors_are_held(void **state)
{
    (void)state;
    judgement.identity.kind = IDENTITY_FAR;
    assert_true(by_sketch());
    assert_refused(VERDICT_HELD, CAUSE_BIT_ERRORS);
}

static void too_little_in_common_is_held(void **state)
{
    (void)state;
    judgement.identity.alignment.lag_telling_items = 60;
    assert_true(by_sketch());
    assert_refused(VERDICT_HELD, CAUSE_SHORT);
}

/* ---- by the samples ---- */

/* 3 times the noise, and 4 % of the sound left over: a coder's own place. */
static void what_the_master_explains_is_matched(void **state)
{
    (void)state;
    spoil(&judgement.errors.mid, 100, 20, 3);
    assert_false(by_sketch());
    by_samples(-14, -14, 100);
    assert_refused(VERDICT_MATCHED, CAUSE_NONE);
    assert_int_equal(judgement.difference_count, 0);
}

/* What stands out on the sketch and what the master leaves over lie apart. */
static void two_places_of_a_coder_are_no_edit(void **state)
{
    (void)state;
    spoil(&judgement.errors.mid, 100, 20, 3);
    assert_false(by_sketch());
    by_samples(-14, -5, 40);
    assert_refused(VERDICT_MATCHED, CAUSE_NONE);
}

/* 3 x .16 is over the limit of .42, and under what is surely another edition;
 * what was coded at a low bit rate may have it. */
static void a_little_is_held_and_of_a_coarse_copy_taken(void **state)
{
    (void)state;
    spoil(&judgement.errors.mid, 100, 20, 3);
    assert_false(by_sketch());
    by_samples(-14, -8, 100);
    assert_refused(VERDICT_HELD, CAUSE_DOUBT);
    assert_shown_at(100);

    free(judgement.doubts);
    judgement.doubts = NULL;
    judgement.errors.mid.noise_db = .3; /* twice the noise, .3 left over */
    by_samples(-14, -5, 100);
    assert_refused(VERDICT_MATCHED, CAUSE_NONE);
}

/* A coder that narrows the stereo: the side is another, and nobody hears it. */
static void a_side_that_is_not_heard_is_no_edit(void **state)
{
    (void)state;
    judgement.errors.side =
        (struct sketch_channel_errors){.error_db = filled(.3F),
                                       .median_db = .3F,
                                       .noise_db = .3,
                                       .score = 1.3};
    spoil(&judgement.errors.side, 30, 20, 9);
    assert_false(by_sketch());
    by_samples_of(PCM_SIDE, -30, -17, 30);
    assert_refused(VERDICT_MATCHED, CAUSE_NONE);
}

/* Everywhere a little else, and all of it explained. */
static void another_mastering_is_held(void **state)
{
    (void)state;
    judgement.errors.mid.median_db = 1.8F;
    judgement.errors.mid.noise_db = 1.8;
    assert_false(by_sketch());
    by_samples(-20, -20, 100);
    assert_refused(VERDICT_HELD, CAUSE_DYNAMICS);
}

static void loudness_that_rides_is_another_mastering(void **state)
{
    (void)state;
    judgement.errors.gain_spread_db = 1.2F;
    assert_true(by_sketch());
    assert_refused(VERDICT_MATCHED, CAUSE_NONE);
    judgement.errors.gain_spread_db = 2;
    assert_false(by_sketch());
    by_samples(-20, -20, 100);
    assert_refused(VERDICT_HELD, CAUSE_DYNAMICS);
}

/* More places than are shown: the cut is said. */
static void many_differences_are_cut_and_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERDICT_MAX_DIFFERENCES + 4; i++) {
        spoil(&judgement.errors.mid, 5 + i * 8, 20, 9);
    }
    assert_false(by_sketch());
    by_samples(-6, -6, 0);
    assert_refused(VERDICT_OTHER_EDITION, CAUSE_SKETCH);
    assert_int_equal(judgement.difference_count, VERDICT_MAX_DIFFERENCES);
    assert_true(judgement.differences_cut);
    for (size_t i = 1; i < judgement.difference_count; i++) {
        assert_true(judgement.differences[i].start_ms >
                    judgement.differences[i - 1].end_ms);
    }
}

#define WITH_COPY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_COPY(another_song_is_unmatched),
        WITH_COPY(a_shared_part_is_another_edition),
        WITH_COPY(trims_are_forgiven_to_thirty_seconds),
        WITH_COPY(explicit_and_clean_are_never_the_same),
        WITH_COPY(a_good_transcode_is_matched),
        WITH_COPY(a_changed_word_is_another_edition_with_its_place),
        WITH_COPY(a_word_in_the_side_alone_is_found),
        WITH_COPY(an_early_fade_is_another_edition),
        WITH_COPY(a_silent_place_is_another_edition),
        WITH_COPY(silence_has_no_gain),
        WITH_COPY(too_many_bit_errors_are_held),
        WITH_COPY(too_little_in_common_is_held),
        WITH_COPY(what_the_master_explains_is_matched),
        WITH_COPY(two_places_of_a_coder_are_no_edit),
        WITH_COPY(a_little_is_held_and_of_a_coarse_copy_taken),
        WITH_COPY(a_side_that_is_not_heard_is_no_edit),
        WITH_COPY(another_mastering_is_held),
        WITH_COPY(loudness_that_rides_is_another_mastering),
        WITH_COPY(many_differences_are_cut_and_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
