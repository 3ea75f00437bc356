/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sound.h"
#include "tests/support/pattern.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <string.h>

enum { LENGTH = 600000 }; /* several blocks of a reader */
static int16_t mid[LENGTH];
static int16_t side[LENGTH];
static const struct pcm pcm = {
    .samples = mid, .side = side, .sample_count = LENGTH};

static int set_up(void **state)
{
    (void)state;
    pattern_fill((uint8_t *)mid, sizeof mid, 1);
    pattern_fill((uint8_t *)side, sizeof side, 2);
    return 0;
}

static int16_t expected(const int16_t *samples, int64_t at)
{
    return (int16_t)(at < 0 || at >= LENGTH ? 0 : samples[at]);
}

static void is_silent_beyond_both_ends(void **state)
{
    static const int64_t starts[] = {
        -5000,         -1000,        -999,       -1,     0,
        LENGTH - 1000, LENGTH - 999, LENGTH - 1, LENGTH, LENGTH + 5000};
    struct sound sound = sound_of_pcm(&pcm);
    int16_t out[1000];
    (void)state;
    assert_int_equal(sound.sample_count, LENGTH);
    assert_true(sound.has_side);
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        memset(out, 0x55, sizeof out);
        assert_int_equal(
            sound_read(&sound, PCM_SIDE, starts[i], 1000, out, NULL),
            STATUS_OK);
        for (int k = 0; k < 1000; k++) {
            assert_int_equal(out[k], expected(side, starts[i] + k));
        }
    }
}

static void knows_a_mono_file(void **state)
{
    const struct pcm mono = {.samples = mid, .sample_count = LENGTH};
    (void)state;
    assert_false(sound_of_pcm(&mono).has_side);
}

static void reader_lends_what_was_asked_for(void **state)
{
    struct sound sound = sound_of_pcm(&pcm);
    struct sound_reader reader;
    const int16_t *samples = NULL;
    uint64_t x = 3;
    int64_t at = -3000;
    (void)state;
    assert_int_equal(sound_reader_open(&reader, &sound, PCM_MID, NULL),
                     STATUS_OK);
    while (at < LENGTH + 3000) {
        size_t count = 1 + (size_t)pattern_below(&x, 2000);
        assert_int_equal(sound_reader_at(&reader, at, count, &samples, NULL),
                         STATUS_OK);
        for (size_t k = 0; k < count; k += 7) {
            assert_int_equal(samples[k], expected(mid, at + (int64_t)k));
        }
        at += (int64_t)pattern_below(&x, 5000) - 500;
    }
    sound_reader_close(&reader);
    assert_null(reader.block);
}

struct counted {
    unsigned reads;
    unsigned fails_at;
};

static enum status read_counted(void *context, enum pcm_channel channel,
                                uint64_t start, size_t count, int16_t *out,
                                struct error *err)
{
    struct counted *counted = context;

    (void)channel;
    assert_true(start + count <= LENGTH);
    assert_in_range(count, 1, SOUND_READ_MAX);
    if (++counted->reads == counted->fails_at) {
        return error_set(err, STATUS_UNAVAILABLE, "gone", "it is gone");
    }
    memset(out, 0, count * sizeof *out);
    return STATUS_OK;
}

/* A read is a question to another process: there must be few. */
static void reader_reads_in_blocks_and_passes_failures_on(void **state)
{
    struct counted counted = {0};
    struct sound sound = {
        .context = &counted, .sample_count = LENGTH, .read = read_counted};
    struct sound_reader reader;
    const int16_t *samples = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(sound_reader_open(&reader, &sound, PCM_MID, NULL),
                     STATUS_OK);
    for (int64_t at = 0; at + 1024 <= LENGTH; at += 512) {
        assert_int_equal(sound_reader_at(&reader, at, 1024, &samples, NULL),
                         STATUS_OK);
    }
    assert_in_range(counted.reads, 1, 4);
    counted.fails_at = counted.reads + 1;
    assert_int_equal(sound_reader_at(&reader, 0, 1024, &samples, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "gone");
    assert_int_equal(sound_reader_at(&reader, 0, 1024, &samples, NULL),
                     STATUS_OK);
    sound_reader_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_silent_beyond_both_ends),
        cmocka_unit_test(knows_a_mono_file),
        cmocka_unit_test(reader_lends_what_was_asked_for),
        cmocka_unit_test(reader_reads_in_blocks_and_passes_failures_on),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
