/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/matcher/music.h"

#include "tests/support/pattern.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/sound.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_BYTES = 4, HARMONICS = 25 };
static const double PI = 3.14159265358979323846;

static int16_t to_sample(double value)
{
    return (int16_t)lrint(fmax(INT16_MIN, fmin(INT16_MAX, value)));
}

struct pcm music_silence(size_t count)
{
    struct pcm out = {.samples = calloc(count, sizeof *out.samples),
                      .side = calloc(count, sizeof *out.side),
                      .sample_count = count};

    assert_non_null(out.samples);
    assert_non_null(out.side);
    return out;
}

struct pcm music_read(const char *name)
{
    int16_t frame[2];

    sound_run("ffmpeg -v error -y -i %s -ar 11025 -ac 2 -f s16le music.raw",
              name);
    FILE *file = fopen("music.raw", "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    struct pcm out = music_silence((size_t)ftell(file) / FRAME_BYTES);
    rewind(file);
    for (size_t i = 0; i < out.sample_count; i++) {
        assert_int_equal(fread(frame, sizeof frame, 1, file), 1);
        out.samples[i] = to_sample((frame[0] + frame[1]) / 2.);
        out.side[i] = to_sample((frame[0] - frame[1]) / 2.);
    }
    (void)fclose(file);
    return out;
}

struct pcm music_compose(unsigned seed, unsigned seconds)
{
    sound_run("\"$compose\" %u %u >composed.wav", seed, seconds);
    return music_read("composed.wav");
}

struct pcm music_part(const struct pcm *music, size_t start, size_t count)
{
    struct pcm out = music_silence(count);

    assert_true(start + count <= music->sample_count);
    memcpy(out.samples, music->samples + start, count * sizeof *out.samples);
    memcpy(out.side, music->side + start, count * sizeof *out.side);
    return out;
}

/* Box and Muller. */
static double gaussian(uint64_t *x)
{
    const uint64_t limit = UINT64_C(1) << 32;
    double u = ((double)pattern_below(x, limit) + 1) / (double)limit;
    double v = (double)pattern_below(x, limit) / (double)limit;

    return sqrt(-2 * log(u)) * cos(2 * PI * v);
}

struct pcm music_noise(size_t count, double deviation, uint64_t seed)
{
    struct pcm out = music_silence(count);

    for (size_t i = 0; i < count; i++) {
        out.samples[i] = to_sample(deviation * gaussian(&seed));
        out.side[i] = to_sample(deviation / 2 * gaussian(&seed));
    }
    return out;
}

double music_rms(const struct pcm *music)
{
    double sum = 0;

    for (size_t i = 0; i < music->sample_count; i++) {
        sum += (double)music->samples[i] * music->samples[i];
    }
    return sqrt(sum / (double)music->sample_count);
}

void music_sing(struct pcm *music, double mid, double side, size_t mute_start,
                size_t mute_count)
{
    double phase = 0;

    for (size_t i = 0; i < music->sample_count; i++) {
        double seconds = (double)i / PCM_RATE_HZ;
        double syllable = fmax(0, sin(2 * PI * 2.5 * seconds));
        phase += (150 + 40 * sin(2 * PI * .7 * seconds)) / PCM_RATE_HZ;
        if (i >= mute_start && i < mute_start + mute_count) {
            continue;
        }
        double voice = 0;
        for (int h = 1; h <= HARMONICS; h++) {
            voice += sin(2 * PI * phase * h) / sqrt(HARMONICS / 2.);
        }
        music->samples[i] =
            to_sample(music->samples[i] + mid * syllable * voice);
        music->side[i] = to_sample(music->side[i] + side * syllable * voice);
    }
}

void music_gain(struct pcm *music, double factor)
{
    for (size_t i = 0; i < music->sample_count; i++) {
        music->samples[i] = to_sample(music->samples[i] * factor);
        music->side[i] = to_sample(music->side[i] * factor);
    }
}
