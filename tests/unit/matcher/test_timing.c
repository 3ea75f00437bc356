/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/music.h"
#include "tests/unit/matcher/sound.h"

#include <math.h>
#include <string.h>

enum { SECONDS = 150 };
static struct pcm master;
static struct sketch reference;

static int set_up(void **state)
{
    if (sound_set_up(state) != 0) {
        return 1;
    }
    master = music_compose(11, SECONDS);
    struct sound sound = sound_of_pcm(&master);
    return sketch_make(&reference, &sound, NULL) == STATUS_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    pcm_clear(&master);
    sketch_clear(&reference);
    return sound_tear_down(state);
}

static struct timing refine(const struct pcm *query, double offset,
                            double drift, double *error_db)
{
    const struct timing guess = {.offset_samples = offset, .drift = drift};
    struct sound sound = sound_of_pcm(query);
    struct timing timing;
    struct error err = {0};

    if (timing_refine(&timing, error_db, &sound, &reference, &guess, 0,
                      master.sample_count, &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
    return timing;
}

static void finds_a_shift_from_any_guess_within_reach(void **state)
{
    static const int cuts[] = {0, 1, 100, 500, 5000, 20011};
    static const int guesses[] = {-280, -111, 0, 16, 287};
    (void)state;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        for (size_t k = 0; k < sizeof guesses / sizeof guesses[0]; k++) {
            double error_db = NAN;
            struct pcm query =
                music_part(&master, (size_t)cuts[i],
                           master.sample_count - (size_t)cuts[i]);
            struct timing timing =
                refine(&query, guesses[k] - cuts[i], 0, &error_db);
            assert_true(fabs(timing.offset_samples + cuts[i]) < 1.5);
            assert_true(timing.drift == 0);
            assert_true(error_db < 1);
            pcm_clear(&query);
        }
    }
}

static void a_short_stretch_is_enough_for_a_shift(void **state)
{
    struct pcm query = music_part(&master, 3000, music_seconds(12));
    double error_db = NAN;
    (void)state;
    struct timing timing = refine(&query, -3200, 0, &error_db);
    assert_true(fabs(timing.offset_samples + 3000) < 1.5);
    assert_true(timing.drift == 0);
    pcm_clear(&query);
}

/* sox plays a file at a speed of 1 / (1 + ppm / 1e6): by its rate alone, which
 * the resampler of ffmpeg then follows. */
static void finds_another_clock(void **state)
{
    static const double drifts_ppm[] = {40, -100, 500, -1000};
    (void)state;
    for (size_t i = 0; i < sizeof drifts_ppm / sizeof drifts_ppm[0]; i++) {
        double error_db = NAN;
        sound_run("sox composed.wav drifted.wav speed %.9f 2>/dev/null",
                  1 / (1 + drifts_ppm[i] / 1e6));
        struct pcm query = music_read("drifted.wav");
        struct timing timing = refine(&query, 0, 0, &error_db);
        assert_true(fabs(timing.drift * 1e6 - drifts_ppm[i]) < 10);
        /* within a few samples at both ends */
        assert_true(fabs(timing.offset_samples) < 5);
        double end = timing.offset_samples +
                     (1 + timing.drift) * (double)master.sample_count;
        assert_true(fabs(end - (double)query.sample_count) < 8);
        /* and what is known already is kept */
        timing = refine(&query, 0, drifts_ppm[i] / 1e6, &error_db);
        assert_true(fabs(timing.drift * 1e6 - drifts_ppm[i]) < 10);
        pcm_clear(&query);
    }
}

/* 15 s of it are of another piece, and all behind it is late by 100: neither
 * is a clock. */
static void one_odd_place_is_no_drift(void **state)
{
    struct pcm query = music_part(&master, 0, master.sample_count);
    struct pcm other = music_compose(12, 15);
    double error_db = NAN;
    (void)state;
    memcpy(query.samples + music_seconds(52), other.samples,
           other.sample_count * sizeof *other.samples);
    struct timing timing = refine(&query, 90, 0, &error_db);
    assert_true(timing.drift == 0);
    assert_true(fabs(timing.offset_samples) < 1.5);
    pcm_clear(&query);
    pcm_clear(&other);
}

static void quiet_stretches_show_no_clock(void **state)
{
    struct pcm half = music_part(&master, 0, master.sample_count);
    struct sketch whole = reference;
    double error_db = NAN;
    (void)state;
    memset(half.samples + music_seconds(30), 0,
           (half.sample_count - music_seconds(30)) * sizeof *half.samples);
    struct sound sound = sound_of_pcm(&half);
    assert_int_equal(sketch_make(&reference, &sound, NULL), STATUS_OK);
    struct timing timing = refine(&half, 100, 0, &error_db);
    assert_true(timing.drift == 0);
    assert_true(fabs(timing.offset_samples) < 1.5);
    sketch_clear(&reference);
    reference = whole;
    pcm_clear(&half);
}

static void silence_and_other_music_have_a_defined_answer(void **state)
{
    struct pcm silence = music_silence(master.sample_count);
    struct pcm other = music_compose(13, SECONDS);
    double error_db = NAN;
    (void)state;
    (void)refine(&silence, 0, 0, &error_db);
    assert_true(error_db > 1.5);
    struct timing timing = refine(&other, 0, 0, &error_db);
    assert_true(fabs(timing.offset_samples) < 5000 && error_db > 2);
    assert_true(fabs(timing.drift) < .0015);
    pcm_clear(&silence);
    pcm_clear(&other);
}

static void looks_within_the_stretch_alone(void **state)
{
    struct pcm other = music_compose(14, SECONDS);
    struct timing timing;
    const struct timing guess = {.offset_samples = 50};
    double error_db = NAN;
    (void)state;
    memcpy(other.samples + music_seconds(20),
           master.samples + music_seconds(20),
           (size_t)15 * PCM_RATE_HZ * sizeof *other.samples);
    struct sound sound = sound_of_pcm(&other);
    assert_int_equal(timing_refine(&timing, &error_db, &sound, &reference,
                                   &guess, music_seconds(20), music_seconds(35),
                                   NULL),
                     STATUS_OK);
    assert_true(fabs(timing.offset_samples) < 4 && error_db < 1);
    pcm_clear(&other);
}

static void under_ten_seconds_are_too_little(void **state)
{
    struct sound sound = sound_of_pcm(&master);
    static const double offsets[] = {0, (SECONDS - 8) * PCM_RATE_HZ,
                                     -(SECONDS - 8) * PCM_RATE_HZ, 1e9, -1e9};
    struct timing timing;
    struct error err = {0};
    double error_db = NAN;
    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        const struct timing guess = {.offset_samples = offsets[i]};
        uint64_t end = i == 0 ? music_seconds(9) : master.sample_count;
        assert_int_equal(timing_refine(&timing, &error_db, &sound, &reference,
                                       &guess, 0, end, &err),
                         STATUS_INVALID);
        assert_string_equal(err.code, "no_overlap");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_another_clock), /* needs composed.wav as it is */
        cmocka_unit_test(finds_a_shift_from_any_guess_within_reach),
        cmocka_unit_test(a_short_stretch_is_enough_for_a_shift),
        cmocka_unit_test(one_odd_place_is_no_drift),
        cmocka_unit_test(quiet_stretches_show_no_clock),
        cmocka_unit_test(silence_and_other_music_have_a_defined_answer),
        cmocka_unit_test(looks_within_the_stretch_alone),
        cmocka_unit_test(under_ten_seconds_are_too_little),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
