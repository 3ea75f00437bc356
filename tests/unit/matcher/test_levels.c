/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/fingerprint.h"
#include "matcher/levels.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <math.h>
#include <string.h>

enum { HOPS = 40, SAMPLES = HOPS * FINGERPRINT_HOP_SAMPLES };
static int16_t samples[SAMPLES];
static uint8_t levels[HOPS];

static void make_tone(double hz, double amplitude)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        double turn = 6.283185307179586 * hz * (double)i / PCM_RATE_HZ;
        samples[i] = (int16_t)lround(amplitude * sin(turn));
    }
    levels_measure(levels, samples, SAMPLES);
}

/* A sine's power is half its amplitude squared. */
static int sine_level(double amplitude)
{
    return (int)lround(10 * log10(amplitude * amplitude / 2) / 2);
}

static void silence_is_zero(void **state)
{
    (void)state;
    memset(samples, 0, sizeof samples);
    levels_measure(levels, samples, SAMPLES);
    for (size_t i = 0; i < HOPS; i++) {
        assert_int_equal(levels[i], 0);
    }
}

static void a_sine_in_the_band_has_its_power(void **state)
{
    static const double tones[] = {300, 1000, 4000};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        make_tone(tones[i], 10000);
        for (size_t hop = 1; hop < HOPS; hop++) {
            assert_in_range(levels[hop], sine_level(10000) - 1,
                            sine_level(10000) + 1);
        }
    }
}

static void twelve_decibels_are_six_steps(void **state)
{
    (void)state;
    make_tone(997, 20000);
    int loud = levels[HOPS / 2];
    make_tone(997, 20000 / 3.9810717);
    assert_int_equal(loud - levels[HOPS / 2], 6);
}

/* 1 - sinc(.25): the mean of 5 ms around a sample takes 20 dB of 50 Hz. */
static void bass_is_left_out(void **state)
{
    (void)state;
    make_tone(50, 10000);
    assert_in_range(levels[HOPS / 2], sine_level(10000) - 11,
                    sine_level(10000) - 9);
}

static void full_scale_is_the_highest_level(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        samples[i] = i % 8 < 4 ? INT16_MAX : INT16_MIN;
    }
    levels_measure(levels, samples, SAMPLES);
    for (size_t i = 0; i < HOPS; i++) {
        assert_true(levels[i] <= FINGERPRINT_MAX_LEVEL);
    }
}

static void loud_is_what_a_tenth_reaches(void **state)
{
    uint8_t some[100];
    (void)state;
    for (size_t i = 0; i < sizeof some; i++) {
        some[i] = (uint8_t)(i < 9 ? 44 : i < 12 ? 40 : 10);
    }
    assert_int_equal(levels_loud(some, sizeof some), 40);
    assert_int_equal(levels_loud(some, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_zero),
        cmocka_unit_test(a_sine_in_the_band_has_its_power),
        cmocka_unit_test(twelve_decibels_are_six_steps),
        cmocka_unit_test(bass_is_left_out),
        cmocka_unit_test(full_scale_is_the_highest_level),
        cmocka_unit_test(loud_is_what_a_tenth_reaches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
