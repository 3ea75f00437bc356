/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/residual.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/music.h"
#include "tests/unit/matcher/sound.h"

#include <math.h>
#include <string.h>

enum { SECONDS = 30, MUTED_AT = 15 * PCM_RATE_HZ };
static const struct timing same_clock;
static struct pcm music;
static struct pcm master;

static int set_up(void **state)
{
    if (sound_set_up(state) != 0) {
        return 1;
    }
    music = music_compose(21, SECONDS);
    master = music_part(&music, 0, music.sample_count);
    music_sing(&master, music_rms(&music) / 2, 0, 0, 0);
    return 0;
}

static int tear_down(void **state)
{
    pcm_clear(&music);
    pcm_clear(&master);
    return sound_tear_down(state);
}

static struct residual compare(const struct pcm *query,
                               const struct pcm *reference,
                               struct timing timing)
{
    struct sound sound = sound_of_pcm(query);
    struct sound other = sound_of_pcm(reference);
    struct residual residual;
    struct error err = {0};

    if (residual_compare(&residual, &sound, &other, &timing, 0,
                         reference->sample_count, &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
    return residual;
}

static double worst_of(const struct pcm *query, const struct pcm *reference,
                       struct timing timing)
{
    struct residual residual = compare(query, reference, timing);
    double worst = residual.worst_db;

    const struct residual_window *at = &residual.windows[residual.worst_window];
    double share = fmax((double)at->mid + (double)at->side, 1e-4);
    assert_true(fabs(10 * log10(share) - worst) < .01);
    assert_true(residual.median_db <= worst);
    residual_clear(&residual);
    assert_null(residual.windows);
    return worst;
}

/* Gain and polarity are explained, and so is rounding. */
static void nothing_is_left_of_the_same_sound(void **state)
{
    struct pcm inverted = music_part(&master, 0, master.sample_count);
    (void)state;
    assert_true(worst_of(&master, &master, same_clock) < -35);
    music_gain(&inverted, -.3);
    assert_true(worst_of(&inverted, &master, same_clock) < -25);
    pcm_clear(&inverted);
}

static void everything_is_left_of_other_music(void **state)
{
    struct pcm other = music_noise(master.sample_count, 2000, 5);
    struct residual residual = compare(&other, &master, same_clock);
    (void)state;
    assert_true(residual.worst_db > -.2);
    assert_true(residual.median_db > -.5);
    residual_clear(&residual);
    pcm_clear(&other);
}

/* What the timing leaves is found: whole samples, and halves. */
static void delays_are_found(void **state)
{
    static const double errors[] = {-10, -2, -.4, .5, 1.5, 9};
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        const struct timing timing = {.offset_samples = errors[i]};
        assert_true(worst_of(&master, &master, timing) < -20);
    }
    /* 2 samples of 44100 Hz are half a sample here */
    sound_run("ffmpeg -v error -y -i composed.wav -af "
              "atrim=start_sample=2,asetpts=PTS-STARTPTS half.wav");
    struct pcm half = music_read("half.wav");
    assert_true(worst_of(&half, &music, same_clock) < -20);
    pcm_clear(&half);
}

static void a_clock_is_followed(void **state)
{
    const double drift = 5e-4;
    const struct timing timing = {.drift = drift};
    (void)state;
    sound_run("sox composed.wav drifted.wav speed %.9f 2>/dev/null",
              1 / (1 + drift));
    struct pcm query = music_read("drifted.wav");
    assert_true(worst_of(&query, &music, timing) < -15);
    pcm_clear(&query);
}

/* It alone says so: the sketch refuses these. */
static void another_mastering_is_explained(void **state)
{
    (void)state;
    sound_run("sox composed.wav loud.wav gain -3 compand .02,.2 "
              "-60,-60,-30,-20,-20,-14,0,-8 2>/dev/null");
    struct pcm query = music_read("loud.wav");
    assert_true(worst_of(&query, &music, same_clock) < -8);
    pcm_clear(&query);
}

static void a_muted_word_is_left_over_where_it_was(void **state)
{
    struct pcm edit = music_part(&music, 0, music.sample_count);
    (void)state;
    music_sing(&edit, music_rms(&music) / 2, 0, MUTED_AT, PCM_RATE_HZ / 2);
    struct residual residual = compare(&edit, &master, same_clock);
    double at = (double)(residual.first_sample +
                         residual.worst_window * residual.step_samples) /
                PCM_RATE_HZ;
    assert_true(residual.worst_db > -7);
    assert_true(at > 14.4 && at < 15.7);
    assert_true(residual.median_db < -35);
    residual_clear(&residual);
    pcm_clear(&edit);
}

static double energy_of(const int16_t *samples, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += (double)samples[i] * samples[i];
    }
    return sum;
}

/* As loud as it is in the whole, though bands weigh otherwise than energy; and
 * not at all where one of the two is mono. */
static void a_mute_in_the_side_counts_as_loud_as_it_is(void **state)
{
    enum { MUTED = 5000, SILENCED = 4 };
    struct pcm edit = music_part(&master, 0, master.sample_count);
    double side = energy_of(master.side + MUTED_AT, MUTED);
    double whole = side + energy_of(master.samples + MUTED_AT, MUTED);
    (void)state;
    memset(edit.side + MUTED_AT, 0, MUTED * sizeof *edit.side);
    double loud = worst_of(&edit, &master, same_clock);
    assert_true(fabs(loud - 10 * log10(side / whole)) < 5);

    struct pcm narrow = music_part(&master, 0, master.sample_count);
    for (size_t i = 0; i < narrow.sample_count; i++) {
        narrow.side[i] = (int16_t)(narrow.side[i] / SILENCED);
        edit.side[i] = narrow.side[i];
    }
    memset(edit.side + MUTED_AT, 0, MUTED * sizeof *edit.side);
    double soft = worst_of(&edit, &narrow, same_clock);
    assert_true(soft < loud - 8); /* 12 dB less of it */

    struct sound sound = sound_of_pcm(&edit);
    struct sound mono = sound_of_pcm(&master);
    struct residual residual;
    mono.has_side = false;
    assert_int_equal(residual_compare(&residual, &sound, &mono, &same_clock, 0,
                                      master.sample_count, NULL),
                     STATUS_OK);
    assert_true(residual.worst_db < -35);
    residual_clear(&residual);
    pcm_clear(&narrow);
    pcm_clear(&edit);
}

static void a_whole_mute_counts_and_common_silence_does_not(void **state)
{
    struct pcm paused = music_part(&master, 0, master.sample_count);
    (void)state;
    memset(paused.samples + MUTED_AT, 0, 8000 * sizeof *paused.samples);
    assert_true(worst_of(&paused, &master, same_clock) > -1);
    assert_true(worst_of(&master, &paused, same_clock) > -1);
    assert_true(worst_of(&paused, &paused, same_clock) < -35);
    struct pcm silence = music_silence(master.sample_count);
    assert_true(worst_of(&silence, &silence, same_clock) < -35);
    assert_true(worst_of(&silence, &master, same_clock) > -1);
    pcm_clear(&silence);
    pcm_clear(&paused);
}

static void compares_the_stretch_that_both_have(void **state)
{
    struct pcm part = music_part(&master, 5000, music_seconds(20));
    struct sound query = sound_of_pcm(&part);
    struct sound whole = sound_of_pcm(&master);
    const struct timing timing = {.offset_samples = -5000};
    struct residual residual;
    struct error err = {0};
    (void)state;
    assert_int_equal(residual_compare(&residual, &query, &whole, &timing, 0,
                                      UINT64_MAX, NULL),
                     STATUS_OK);
    assert_int_equal(residual.first_sample, 5000);
    uint64_t end =
        5000 + residual.window_count * (uint64_t)residual.step_samples;
    assert_true(end < 5000 + part.sample_count);
    assert_true(end + music_seconds(2) > 5000 + part.sample_count);
    assert_true(residual.worst_db < -35);
    residual_clear(&residual);
    assert_int_equal(residual_compare(&residual, &query, &whole, &timing, 30000,
                                      30000 + music_seconds(12), NULL),
                     STATUS_OK);
    assert_int_equal(residual.first_sample, 30000);
    residual_clear(&residual);
    assert_int_equal(residual_compare(&residual, &query, &whole, &timing, 0,
                                      music_seconds(9), &err),
                     STATUS_INVALID);
    assert_string_equal(err.code, "no_overlap");
    assert_null(residual.windows);
    pcm_clear(&part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_of_the_same_sound),
        cmocka_unit_test(everything_is_left_of_other_music),
        cmocka_unit_test(delays_are_found),
        cmocka_unit_test(a_clock_is_followed),
        cmocka_unit_test(another_mastering_is_explained),
        cmocka_unit_test(a_muted_word_is_left_over_where_it_was),
        cmocka_unit_test(a_mute_in_the_side_counts_as_loud_as_it_is),
        cmocka_unit_test(a_whole_mute_counts_and_common_silence_does_not),
        cmocka_unit_test(compares_the_stretch_that_both_have),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
