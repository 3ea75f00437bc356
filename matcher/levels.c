/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/levels.h"

#include "matcher/fingerprint.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    HOP = FINGERPRINT_HOP_SAMPLES,
    /* Bass would drown a muted word: every sample loses the mean of the 5 ms
     * around it. That takes 20 dB at 50 Hz, 9 dB at 100 Hz and nothing from
     * 200 Hz on, with one addition and one subtraction a sample. */
    REACH = 27,
    MEAN_SAMPLES = 2 * REACH + 1,
    LANES = 4, /* sums that do not wait for one another */
};
_Static_assert((int64_t)2 * MEAN_SAMPLES * -INT16_MIN < INT32_MAX,
               "no overflow");

/* A hop and what its means need on either side; silence beyond the audio. */
struct hop {
    int16_t samples[REACH + HOP + REACH];
};

static void take_hop(struct hop *out, const int16_t *samples, size_t count,
                     size_t start)
{
    size_t before = start < REACH ? start : REACH;
    size_t behind = count - start - HOP < REACH ? count - start - HOP : REACH;

    memset(out, 0, sizeof *out);
    memcpy(out->samples + REACH - before, samples + start - before,
           (before + HOP + behind) * sizeof *samples);
}

/* MEAN_SAMPLES times the high-passed samples, which keeps them whole. */
static void remove_bass(int32_t *out, const struct hop *hop)
{
    int32_t sum = 0;

    for (size_t i = 0; i < MEAN_SAMPLES - 1; i++) {
        sum += hop->samples[i];
    }
    for (size_t i = 0; i < HOP; i++) {
        sum += hop->samples[i + MEAN_SAMPLES - 1];
        out[i] = MEAN_SAMPLES * hop->samples[i + REACH] - sum;
        sum -= hop->samples[i];
    }
}

/* Mean square under the window, in squared units of a sample. */
static float power_of(const int32_t *samples, const float *window,
                      float window_sum)
{
    float sums[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= HOP; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            float y = (float)samples[i + lane];
            sums[lane] += window[i + lane] * y * y;
        }
    }
    for (; i < HOP; i++) {
        float y = (float)samples[i];
        sums[0] += window[i] * y * y;
    }
    float sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    return sum / window_sum / (MEAN_SAMPLES * MEAN_SAMPLES);
}

/* The Hann window, squared: it weighs squared samples. Returns its sum. */
static float fill_window(float *window)
{
    const double full_turn = 6.283185307179586;
    double sum = 0;

    for (size_t i = 0; i < HOP; i++) {
        double hann = 0.5 - 0.5 * cos(full_turn * ((double)i + 0.5) / HOP);
        window[i] = (float)(hann * hann);
        sum += hann * hann;
    }
    return (float)sum;
}

void levels_measure(uint8_t *levels, const int16_t *samples, size_t count)
{
    float window[HOP];
    float window_sum = fill_window(window);
    struct hop hop;
    int32_t passed[HOP];

    for (size_t i = 0; i < count / HOP; i++) {
        take_hop(&hop, samples, count, i * HOP);
        remove_bass(passed, &hop);
        double power = (double)power_of(passed, window, window_sum);
        long level = lround(10 * log10(1 + power) / FINGERPRINT_LEVEL_DB);
        assert(level >= 0 && level <= FINGERPRINT_MAX_LEVEL);
        levels[i] = (uint8_t)level;
    }
}

uint8_t levels_loud(const uint8_t *levels, size_t count)
{
    size_t histogram[UINT8_MAX + 1] = {0};
    size_t louder = 0;

    for (size_t i = 0; i < count; i++) {
        histogram[levels[i]]++;
    }
    for (int level = UINT8_MAX; level > 0; level--) {
        louder += histogram[level];
        if (louder * 10 >= count && count > 0) {
            return (uint8_t)level;
        }
    }
    return 0;
}
