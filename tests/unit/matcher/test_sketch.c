/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/music.h"

#include <math.h>
#include <string.h>

static struct sketch sketch_of(const struct pcm *pcm)
{
    struct sound sound = sound_of_pcm(pcm);
    struct sketch sketch;
    struct error err = {0};

    if (sketch_make(&sketch, &sound, &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
    return sketch;
}

static double level_db(const struct sketch_channel *channel, size_t frame,
                       size_t band)
{
    unsigned cell = sketch_cell(channel, frame, band);

    return (double)channel->base_db[band] + SKETCH_STEP_DB * (double)cell;
}

/* By definition: a power spectrum under a window whose squares sum up to 1 has
 * the variance of white noise in every bin, and triangles of unit sum keep it.
 * 1000^2 is 60 dB; the half of it in the side 54 dB. */
static void white_noise_has_its_variance_in_every_band(void **state)
{
    struct pcm noise = music_noise(music_seconds(30), 1000, 1);
    struct sketch sketch = sketch_of(&noise);
    (void)state;
    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        double mid = 0;
        double side = 0;
        for (size_t i = 0; i < sketch.frame_count; i++) {
            mid += pow(10, level_db(&sketch.mid, i, band) / 10);
            side += pow(10, level_db(&sketch.side, i, band) / 10);
        }
        mid = 10 * log10(mid / (double)sketch.frame_count);
        side = 10 * log10(side / (double)sketch.frame_count);
        assert_true(fabs(mid - 60) < .7);
        assert_true(fabs(side - 53.98) < .7);
    }
    assert_true(fabs(sketch.side_db - -6.02) < .1);
    sketch_clear(&sketch);
    pcm_clear(&noise);
}

/* 28 triangles of equal width between mel(50) and mel(5400), where mel(f) =
 * 2595 log10(1 + f / 700): the middle of band 10 is 961 Hz, of band 19 2483 Hz.
 */
static void a_tone_is_loudest_in_its_band(void **state)
{
    static const struct {
        double hz;
        size_t band;
    } tones[] = {{106, 0}, {961, 10}, {2483, 19}, {4975, 27}};
    (void)state;
    for (size_t t = 0; t < sizeof tones / sizeof tones[0]; t++) {
        struct pcm tone = music_silence(PCM_RATE_HZ);
        for (size_t i = 0; i < tone.sample_count; i++) {
            double turns = tones[t].hz * (double)i / PCM_RATE_HZ;
            tone.samples[i] =
                (int16_t)lrint(20000 * sin(2 * 3.14159265358979323846 * turns));
        }
        struct sketch sketch = sketch_of(&tone);
        for (size_t band = 0; band < SKETCH_BANDS; band++) {
            assert_true(level_db(&sketch.mid, 5, band) <=
                        level_db(&sketch.mid, 5, tones[t].band));
        }
        sketch_clear(&sketch);
        pcm_clear(&tone);
    }
}

static void levels_lie_22_db_over_the_base_in_a_tenth_of_frames(void **state)
{
    struct pcm noise = music_noise(music_seconds(60), 1000, 2);
    struct sketch sketch = sketch_of(&noise);
    (void)state;
    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        size_t over = 0;
        size_t reach = 0;
        for (size_t i = 0; i < sketch.frame_count; i++) {
            over += sketch_cell(&sketch.mid, i, band) > 11;
            reach += sketch_cell(&sketch.mid, i, band) >= 11;
        }
        assert_true(over * 10 <= sketch.frame_count);
        assert_true(reach * 10 >= sketch.frame_count);
    }
    sketch_clear(&sketch);
    pcm_clear(&noise);
}

static void ten_times_louder_is_20_db_and_the_same_picture(void **state)
{
    struct pcm noise = music_noise(music_seconds(20), 300, 3);
    struct sketch quiet = sketch_of(&noise);
    (void)state;
    music_gain(&noise, 10);
    struct sketch loud = sketch_of(&noise);
    size_t others = 0;
    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        assert_true(fabsf(loud.mid.base_db[band] - quiet.mid.base_db[band] -
                          20) < .02F);
    }
    for (size_t i = 0; i < quiet.frame_count * SKETCH_FRAME_BYTES; i++) {
        others += loud.mid.cells[i] != quiet.mid.cells[i];
    }
    /* those on the border between two steps */
    assert_true(others * 50 < quiet.frame_count * SKETCH_FRAME_BYTES);
    sketch_clear(&quiet);
    sketch_clear(&loud);
    pcm_clear(&noise);
}

static void silence_is_the_bottom_of_the_scale(void **state)
{
    struct pcm silence = music_silence(music_seconds(5));
    struct sketch sketch = sketch_of(&silence);
    (void)state;
    for (size_t i = 0; i < sketch.frame_count * SKETCH_FRAME_BYTES; i++) {
        assert_int_equal(sketch.mid.cells[i] | sketch.side.cells[i], 0);
    }
    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        assert_true(sketch.mid.base_db[band] == 0);
    }
    sketch_clear(&sketch);
    pcm_clear(&silence);
}

static void full_scale_fits(void **state)
{
    struct pcm square = music_silence(music_seconds(3));
    (void)state;
    for (size_t i = 0; i < square.sample_count; i++) {
        square.samples[i] = i / 8 % 2 == 0 ? INT16_MAX : INT16_MIN;
        square.side[i] = INT16_MIN;
    }
    struct sketch sketch = sketch_of(&square);
    sketch_clear(&sketch);
    pcm_clear(&square);
}

static void frames_are_those_that_fit(void **state)
{
    struct pcm noise = music_noise(4000, 100, 4);
    (void)state;
    for (size_t count = 1023; count <= 3000; count++) {
        const struct pcm part = {.samples = noise.samples,
                                 .sample_count = count};
        struct sound sound = sound_of_pcm(&part);
        struct sketch sketch;
        struct error err = {0};
        enum status status = sketch_make(&sketch, &sound, &err);
        if (count < 1024) {
            assert_int_equal(status, STATUS_INVALID);
            assert_string_equal(err.code, "too_short");
            continue;
        }
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(sketch.frame_count, 1 + (count - 1024) / 512);
        assert_null(sketch.side.cells); /* mono */
        sketch_clear(&sketch);
    }
    pcm_clear(&noise);
}

static enum status read_nothing(void *context, enum pcm_channel channel,
                                uint64_t start, size_t count, int16_t *out,
                                struct error *err)
{
    (void)start;
    memset(out, 0, count * sizeof *out);
    if (channel == PCM_SIDE || context != NULL) {
        return error_set(err, STATUS_UNAVAILABLE, "gone", "it is gone");
    }
    return STATUS_OK;
}

static void failures_leave_nothing(void **state)
{
    struct sound sound = {
        .sample_count = 600000, .has_side = true, .read = read_nothing};
    struct sketch sketch;
    struct error err = {0};
    (void)state;
    assert_int_equal(sketch_make(&sketch, &sound, &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "gone");
    assert_null(sketch.mid.cells);
    sound.context = &sound;
    assert_int_equal(sketch_make(&sketch, &sound, NULL), STATUS_UNAVAILABLE);
    assert_null(sketch.mid.cells);
    sound.sample_count = (uint64_t)3 * music_seconds(3600);
    assert_int_equal(sketch_make(&sketch, &sound, &err), STATUS_INVALID);
    assert_string_equal(err.code, "too_long");
    assert_null(sketch.mid.cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_noise_has_its_variance_in_every_band),
        cmocka_unit_test(a_tone_is_loudest_in_its_band),
        cmocka_unit_test(levels_lie_22_db_over_the_base_in_a_tenth_of_frames),
        cmocka_unit_test(ten_times_louder_is_20_db_and_the_same_picture),
        cmocka_unit_test(silence_is_the_bottom_of_the_scale),
        cmocka_unit_test(full_scale_fits),
        cmocka_unit_test(frames_are_those_that_fit),
        cmocka_unit_test(failures_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
