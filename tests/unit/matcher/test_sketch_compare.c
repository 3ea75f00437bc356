/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/music.h"
#include "tests/unit/matcher/sound.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A master of 40 s: music and a voice 6 dB under it, in the middle. */
enum { SECONDS = 40, MUTED_AT = 20 * PCM_RATE_HZ };
static const struct timing same_clock;
static const double LIMIT = 2; /* of a score, sketch.h */
static struct pcm music;
static struct pcm master;

static int set_up(void **state)
{
    if (sound_set_up(state) != 0) {
        return 1;
    }
    music = music_compose(7, SECONDS);
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

static struct sketch sketch_of(const struct pcm *pcm)
{
    struct sound sound = sound_of_pcm(pcm);
    struct sketch sketch;

    assert_int_equal(sketch_make(&sketch, &sound, NULL), STATUS_OK);
    return sketch;
}

static struct sketch_errors compare(const struct pcm *query,
                                    const struct pcm *reference,
                                    struct timing timing)
{
    struct sound sound = sound_of_pcm(query);
    struct sketch sketch = sketch_of(reference);
    struct sketch_errors errors;
    struct error err = {0};

    if (sketch_compare(&errors, &sound, &sketch, &timing, 0, sound.sample_count,
                       &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
    sketch_clear(&sketch);
    return errors;
}

static double worst_second(const struct sketch_errors *errors,
                           const struct sketch_channel_errors *channel)
{
    return (double)(errors->first_frame + channel->worst_frame) *
           SKETCH_HOP_SAMPLES / PCM_RATE_HZ;
}

static void assert_same_edition(const struct pcm *query)
{
    struct sketch_errors errors = compare(query, &master, same_clock);

    assert_true(errors.mid.score < LIMIT);
    assert_true(errors.mid.median_db < 1.5);
    if (errors.side.error_db != NULL) {
        assert_true(errors.side.score < LIMIT);
    }
    for (size_t i = 0; i < errors.frame_count; i++) {
        assert_true(isnan(errors.gain_db[i]) || fabsf(errors.gain_db[i]) < 1.5);
    }
    sketch_errors_clear(&errors);
    assert_null(errors.mid.error_db);
}

static void a_sound_is_like_itself(void **state)
{
    struct sketch_errors errors = compare(&master, &master, same_clock);
    (void)state;
    assert_int_equal(errors.first_frame, 0);
    assert_int_equal(errors.frame_count,
                     1 + (master.sample_count - SKETCH_WINDOW_SAMPLES) /
                             SKETCH_HOP_SAMPLES);
    /* what rounding to steps of 2 dB leaves: .58 dB RMS of a cell, so of the
     * mean of six .24 RMS and, of such a bell, .19 on the average */
    assert_true(errors.mid.median_db > .12 && errors.mid.median_db < .25);
    assert_true(errors.mid.score < 1.3);
    assert_non_null(errors.side.error_db);
    assert_true(errors.side.score < 1.4);
    sketch_errors_clear(&errors);
    assert_same_edition(&master);
}

static void gain_does_not_matter(void **state)
{
    struct pcm quiet = music_part(&master, 0, master.sample_count);
    (void)state;
    music_gain(&quiet, .25); /* -12 dB */
    assert_same_edition(&quiet);
    pcm_clear(&quiet);
}

static void assert_same_edition_through(const char *how, const char *name)
{
    sound_run("%s", how);
    struct pcm query = music_read(name);
    assert_same_edition(&query);
    pcm_clear(&query);
}

static void write_master(const struct pcm *pcm, const char *name)
{
    FILE *file = fopen("raw", "wb");

    assert_non_null(file);
    for (size_t i = 0; i < pcm->sample_count; i++) {
        int16_t frame[] = {(int16_t)(pcm->samples[i] + pcm->side[i]),
                           (int16_t)(pcm->samples[i] - pcm->side[i])};
        assert_int_equal(fwrite(frame, sizeof frame, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
    sound_run("ffmpeg -v error -y -f s16le -ar 11025 -ac 2 -i raw %s", name);
}

static void equalizers_and_codecs_do_not_matter(void **state)
{
    (void)state;
    write_master(&master, "m.wav");
    assert_same_edition_through(
        "sox m.wav eq.wav gain -8 bass +5 equalizer 1000 1q -4 treble +5",
        "eq.wav");
    assert_same_edition_through(
        "ffmpeg -v error -y -i m.wav -ar 44100 -b:a 128k m.mp3", "m.mp3");
    assert_same_edition_through(
        "ffmpeg -v error -y -i m.wav -ar 44100 -b:a 128k m.m4a", "m.m4a");
    assert_same_edition_through(
        "ffmpeg -v error -y -i m.wav -ar 44100 -c:a libvorbis -q:a 3 m.ogg",
        "m.ogg");
}

static void assert_found(const struct sketch_errors *errors,
                         const struct sketch_channel_errors *channel,
                         double seconds)
{
    double start = (double)MUTED_AT / PCM_RATE_HZ;
    double worst = worst_second(errors, channel);

    assert_true(channel->score > LIMIT);
    assert_true(worst > start - .5 && worst < start + seconds + .5);
    /* the windows that do not touch it are quiet */
    for (size_t i = 0; i < errors->frame_count; i++) {
        double at = (double)i * SKETCH_HOP_SAMPLES / PCM_RATE_HZ;
        if (at < start - .8 || at > start + seconds + .8) {
            assert_true(channel->error_db[i] < LIMIT * .6);
        }
    }
}

static void a_word_muted_under_the_music_is_found(void **state)
{
    static const double seconds[] = {.4, .7, 1.5};
    (void)state;
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        struct pcm edit = music_part(&music, 0, music.sample_count);
        music_sing(&edit, music_rms(&music) / 2, 0, MUTED_AT,
                   (size_t)(seconds[i] * PCM_RATE_HZ));
        struct sketch_errors errors = compare(&edit, &master, same_clock);
        assert_found(&errors, &errors.mid, seconds[i]);
        sketch_errors_clear(&errors);
        /* the other way round: a word that the master lacks */
        errors = compare(&master, &edit, same_clock);
        assert_found(&errors, &errors.mid, seconds[i]);
        sketch_errors_clear(&errors);
        pcm_clear(&edit);
    }
}

/* A voice in antiphase is in no mid. */
static void a_word_in_the_side_alone_is_found_there(void **state)
{
    double voice = music_rms(&music) / 2;
    struct pcm antiphase = music_part(&music, 0, music.sample_count);
    struct pcm edit = music_part(&music, 0, music.sample_count);
    (void)state;
    music_sing(&antiphase, 0, voice, 0, 0);
    music_sing(&edit, 0, voice, MUTED_AT, PCM_RATE_HZ / 2);
    struct sketch_errors errors = compare(&edit, &antiphase, same_clock);
    assert_found(&errors, &errors.side, .5);
    assert_true(errors.mid.score < LIMIT);
    sketch_errors_clear(&errors);
    pcm_clear(&antiphase);
    pcm_clear(&edit);
}

static void mono_has_no_side_to_compare(void **state)
{
    struct pcm mono = music_part(&master, 0, master.sample_count);
    (void)state;
    /* stereo in name only */
    for (size_t i = 0; i < mono.sample_count; i++) {
        mono.side[i] = 0;
    }
    struct sketch_errors errors = compare(&mono, &master, same_clock);
    assert_null(errors.side.error_db);
    assert_true(errors.mid.score < LIMIT);
    sketch_errors_clear(&errors);
    free(mono.side);
    mono.side = NULL;
    errors = compare(&mono, &master, same_clock);
    assert_null(errors.side.error_db);
    sketch_errors_clear(&errors);
    errors = compare(&master, &mono, same_clock);
    assert_null(errors.side.error_db);
    assert_true(errors.mid.score < LIMIT);
    sketch_errors_clear(&errors);
    pcm_clear(&mono);
}

static void compares_what_both_have(void **state)
{
    const size_t cut = music_seconds(2) + 77;
    struct pcm query = music_part(&master, cut, music_seconds(25));
    const struct timing timing = {.offset_samples = -(double)cut};
    (void)state;
    struct sketch_errors errors = compare(&query, &master, timing);
    assert_int_equal(errors.first_frame,
                     (cut + SKETCH_HOP_SAMPLES - 1) / SKETCH_HOP_SAMPLES);
    size_t last = errors.first_frame + errors.frame_count - 1;
    assert_true(last * SKETCH_HOP_SAMPLES + SKETCH_WINDOW_SAMPLES - cut <=
                query.sample_count);
    assert_true((last + 1) * SKETCH_HOP_SAMPLES + SKETCH_WINDOW_SAMPLES - cut >
                query.sample_count);
    assert_true(errors.mid.score < 1.3);
    sketch_errors_clear(&errors);
    pcm_clear(&query);
}

static void leaves_out_what_it_is_told_to(void **state)
{
    const uint64_t start = music_seconds(3);
    const uint64_t end = music_seconds(30);
    struct pcm query = music_part(&master, 0, master.sample_count);
    struct sound sound = sound_of_pcm(&query);
    struct sketch sketch = sketch_of(&master);
    struct sketch_errors errors;
    (void)state;
    for (size_t i = 0; i < query.sample_count; i++) {
        if (i < start || i >= end) {
            query.samples[i] = 0;
        }
    }
    assert_int_equal(
        sketch_compare(&errors, &sound, &sketch, &same_clock, start, end, NULL),
        STATUS_OK);
    size_t last = errors.first_frame + errors.frame_count - 1;
    assert_true(errors.first_frame * SKETCH_HOP_SAMPLES >= start);
    assert_true(last * SKETCH_HOP_SAMPLES + SKETCH_WINDOW_SAMPLES <= end);
    assert_true(errors.mid.score < 1.3);
    sketch_errors_clear(&errors);
    sketch_clear(&sketch);
    pcm_clear(&query);
}

static void an_early_fade_shows_as_falling_gain(void **state)
{
    struct pcm faded = music_part(&master, 0, master.sample_count);
    const size_t start = music_seconds(28);
    (void)state;
    for (size_t i = start; i < faded.sample_count; i++) {
        double seconds = (double)(i - start) / PCM_RATE_HZ;
        double factor = seconds < 5 ? pow(10, -60 * seconds / 5 / 20) : 0;
        faded.samples[i] = (int16_t)lrint(faded.samples[i] * factor);
        faded.side[i] = (int16_t)lrint(faded.side[i] * factor);
    }
    struct sketch_errors errors = compare(&faded, &master, same_clock);
    for (size_t i = 0; i < errors.frame_count; i++) {
        double at = (double)i * SKETCH_HOP_SAMPLES / PCM_RATE_HZ;
        if (at < 27) {
            assert_true(fabsf(errors.gain_db[i]) < 1);
        } else if (at > 30 && at < 31) {
            assert_true(errors.gain_db[i] < -15); /* -24 at 30 s */
        } else if (at > 34) {
            assert_true(errors.gain_db[i] < -30);
        }
    }
    sketch_errors_clear(&errors);
    pcm_clear(&faded);
}

static void silence_has_no_gain_and_no_errors(void **state)
{
    struct pcm paused = music_part(&master, 0, master.sample_count);
    struct pcm silence = music_silence(music_seconds(15));
    (void)state;
    for (size_t i = music_seconds(10); i < music_seconds(15); i++) {
        paused.samples[i] = 0;
        paused.side[i] = 0;
    }
    struct sketch_errors errors = compare(&paused, &paused, same_clock);
    size_t frame = music_seconds(12) / SKETCH_HOP_SAMPLES;
    assert_true(isnan(errors.gain_db[frame]));
    assert_true(errors.mid.error_db[frame] < .1);
    assert_true(errors.mid.score < 1.5);
    sketch_errors_clear(&errors);
    errors = compare(&silence, &silence, same_clock);
    assert_true(errors.mid.score == 0 && errors.mid.median_db == 0);
    assert_true(isnan(errors.gain_db[100]));
    sketch_errors_clear(&errors);
    /* and silence is not music */
    errors = compare(&silence, &master, same_clock);
    assert_true(errors.mid.median_db > 1.5);
    sketch_errors_clear(&errors);
    pcm_clear(&paused);
    pcm_clear(&silence);
}

/* It may score low, being different everywhere. */
static void other_music_is_far_away_throughout(void **state)
{
    struct pcm other = music_compose(8, SECONDS);
    struct sketch_errors errors = compare(&other, &master, same_clock);
    (void)state;
    assert_true(errors.mid.median_db > 2.5);
    sketch_errors_clear(&errors);
    pcm_clear(&other);
}

static void under_ten_seconds_are_too_little(void **state)
{
    struct pcm short_part = music_part(&master, 0, music_seconds(9));
    struct sketch sketch = sketch_of(&master);
    struct sound whole = sound_of_pcm(&master);
    struct sound part = sound_of_pcm(&short_part);
    static const double offsets[] = {31 * PCM_RATE_HZ, -31 * PCM_RATE_HZ, 1e9,
                                     -1e9};
    struct sketch_errors errors;
    struct error err = {0};
    (void)state;
    assert_int_equal(sketch_compare(&errors, &part, &sketch, &same_clock, 0,
                                    part.sample_count, &err),
                     STATUS_INVALID);
    assert_string_equal(err.code, "no_overlap");
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        const struct timing timing = {.offset_samples = offsets[i]};
        assert_int_equal(sketch_compare(&errors, &whole, &sketch, &timing, 0,
                                        whole.sample_count, NULL),
                         STATUS_INVALID);
        assert_null(errors.mid.error_db);
    }
    sketch_clear(&sketch);
    pcm_clear(&short_part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_is_like_itself),
        cmocka_unit_test(gain_does_not_matter),
        cmocka_unit_test(equalizers_and_codecs_do_not_matter),
        cmocka_unit_test(a_word_muted_under_the_music_is_found),
        cmocka_unit_test(a_word_in_the_side_alone_is_found_there),
        cmocka_unit_test(mono_has_no_side_to_compare),
        cmocka_unit_test(compares_what_both_have),
        cmocka_unit_test(leaves_out_what_it_is_told_to),
        cmocka_unit_test(an_early_fade_shows_as_falling_gain),
        cmocka_unit_test(silence_has_no_gain_and_no_errors),
        cmocka_unit_test(other_music_is_far_away_throughout),
        cmocka_unit_test(under_ten_seconds_are_too_little),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
