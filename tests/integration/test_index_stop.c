/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sound that says nothing (silence, tones, noise, a bar for an hour) neither
 * fills the index nor makes two recordings look alike. The prints are of real
 * samples, through the whole fingerprint. */
#include "catalog/releases/index.h"
#include "matcher/align.h"
#include "matcher/fingerprint.h"
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    RATE = 11025,
    MINUTE = 60 * RATE,
    BAR = 2 * RATE,
    HOUR_MINUTES = 60,
    /* index/find.c asks for this many before a recording counts as far ahead;
     * an unrelated one must stay under it. */
    ALIKE = 8,
};

static const double DIFFERENT = 0.1;

static struct test_redis server;
static struct redis *redis;
static struct index *handle;
static uint32_t last_number;

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void fill_tone(int16_t *out, size_t count, double hertz)
{
    for (size_t i = 0; i < count; i++) {
        double phase = 6.283185307179586 * hertz * (double)i / RATE;
        out[i] = (int16_t)lrint(9000 * sin(phase));
    }
}

static void fill_noise(int16_t *out, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (int16_t)((int32_t)(next_random(&seed) >> 16) - 32768);
    }
}

/* A bar of eight chords of three notes each. */
static void fill_bar(int16_t *out, uint32_t seed)
{
    for (size_t i = 0; i < BAR; i += BAR / 8) {
        double notes[3];
        for (int j = 0; j < 3; j++) {
            notes[j] = 110 * exp2((double)(next_random(&seed) % 36) / 12);
        }
        for (size_t k = i; k < i + BAR / 8 && k < BAR; k++) {
            double sum = 0;
            for (int j = 0; j < 3; j++) {
                sum += sin(6.283185307179586 * notes[j] * (double)k / RATE);
            }
            out[k] = (int16_t)lrint(5000 * sum);
        }
    }
}

struct prints {
    struct terms filed;
    struct terms asked;
};

static struct prints prints_of(const struct pcm *audio)
{
    struct prints prints;
    struct fingerprint print = {0};
    assert_int_equal(
        fingerprint_compute(&print, audio, 0, audio->sample_count, NULL),
        STATUS_OK);
    assert_int_equal(terms_for_index(&prints.filed, &print, NULL), STATUS_OK);
    assert_int_equal(terms_for_query(&prints.asked, &print, NULL), STATUS_OK);
    fingerprint_clear(&print);
    return prints;
}

static void prints_clear(struct prints *prints)
{
    terms_clear(&prints->filed);
    terms_clear(&prints->asked);
}

/* Asks for it, then files it. Returns how many terms the likest of those
 * before it shares. */
static uint32_t likest_before(struct prints *prints)
{
    struct index_found found;
    const struct index_query query = {.terms = &prints->asked};
    assert_int_equal(index_find(handle, redis, &query, &found, NULL),
                     STATUS_OK);
    assert_int_equal(index_add(redis, ++last_number, &prints->filed, NULL),
                     STATUS_OK);
    return found.count > 0 ? found.candidates[0].term_count : 0;
}

static int setup(void **state)
{
    const struct index_options options = {.address = server.address};
    (void)state;
    test_redis_start(&server);
    redis = test_redis_open(&server);
    return index_open(&handle, &options, NULL) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    index_close(handle);
    redis_close(redis);
    test_redis_stop(&server);
    return 0;
}

static void silence_is_not_filed(void **state)
{
    (void)state;
    int16_t *samples = calloc(MINUTE, sizeof *samples);
    assert_non_null(samples);
    const struct pcm audio = {.samples = samples, .sample_count = MINUTE};
    struct prints prints = prints_of(&audio);
    assert_int_equal(prints.filed.count, 0);
    assert_int_equal(prints.asked.count, 0);
    assert_int_equal(likest_before(&prints), 0);
    prints_clear(&prints);
    free(samples);
}

static void constant_tones_are_hardly_filed(void **state)
{
    (void)state;
    int16_t *samples = calloc(MINUTE, sizeof *samples);
    assert_non_null(samples);
    const struct pcm audio = {.samples = samples, .sample_count = MINUTE};
    for (int i = 0; i < 12; i++) {
        fill_tone(samples, MINUTE, 220 * exp2(i / 12.0));
        struct prints prints = prints_of(&audio);
        assert_true(prints.filed.count <= 4);
        assert_true(likest_before(&prints) < ALIKE);
        prints_clear(&prints);
    }
    free(samples);
}

/* Of noise all bands are alike, so that its items come from few: two noises
 * share up to half of their filed terms and are candidates of each other. Laid
 * over each other, three times as many bits differ as of the same recording
 * (.05 at the most, matcher/README.md), which decides. */
static void white_noise_is_like_no_other(void **state)
{
    (void)state;
    struct fingerprint first = {0};
    int16_t *samples = calloc(MINUTE, sizeof *samples);
    assert_non_null(samples);
    const struct pcm audio = {.samples = samples, .sample_count = MINUTE};
    for (uint32_t seed = 1; seed <= 12; seed++) {
        struct fingerprint print = {0};
        struct alignment alignment;
        fill_noise(samples, MINUTE, seed * 77777);
        struct prints prints = prints_of(&audio);
        assert_true(prints.filed.count < 40);
        (void)likest_before(&prints);
        assert_int_equal(fingerprint_compute(&print, &audio, 0, MINUTE, NULL),
                         STATUS_OK);
        if (seed == 1) {
            first = print;
        } else {
            assert_int_equal(align_prints(&alignment, &print, &first, NULL),
                             STATUS_OK);
            assert_true(alignment.bit_error_rate > DIFFERENT);
            fingerprint_clear(&print);
        }
        prints_clear(&prints);
    }
    fingerprint_clear(&first);
    free(samples);
}

static void a_bar_for_an_hour_is_filed_as_what_it_is(void **state)
{
    (void)state;
    const size_t count = (size_t)HOUR_MINUTES * MINUTE;
    int16_t *samples = calloc(count, sizeof *samples);
    assert_non_null(samples);
    const struct pcm audio = {.samples = samples, .sample_count = count};
    for (uint32_t seed = 1; seed <= 2; seed++) {
        fill_bar(samples, seed * 1234567);
        for (size_t i = BAR; i < count; i++) {
            samples[i] = samples[i - BAR];
        }
        struct prints prints = prints_of(&audio);
        /* music has 25 a minute, so 1 500 an hour */
        assert_true(prints.filed.count < 500);
        assert_true(prints.filed.count > 0);
        assert_true(likest_before(&prints) < ALIKE);
        prints_clear(&prints);
    }
    free(samples);
}

/* The same sound twice is found all the same. */
static void noise_again_is_found(void **state)
{
    (void)state;
    struct index_found found;
    int16_t *samples = calloc(MINUTE, sizeof *samples);
    assert_non_null(samples);
    const struct pcm audio = {.samples = samples, .sample_count = MINUTE};
    fill_noise(samples, MINUTE, 99);
    struct prints prints = prints_of(&audio);
    (void)likest_before(&prints);
    const struct index_query query = {.terms = &prints.asked};
    assert_int_equal(index_find(handle, redis, &query, &found, NULL),
                     STATUS_OK);
    assert_int_equal(found.candidates[0].number, last_number);
    assert_true(found.candidates[0].term_count >= ALIKE);
    prints_clear(&prints);
    free(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_not_filed),
        cmocka_unit_test(constant_tones_are_hardly_filed),
        cmocka_unit_test(white_noise_is_like_no_other),
        cmocka_unit_test(a_bar_for_an_hour_is_filed_as_what_it_is),
        cmocka_unit_test(noise_again_is_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
