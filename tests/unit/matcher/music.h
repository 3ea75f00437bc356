/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_UNIT_MATCHER_MUSIC_H
#define REFRAIN_TESTS_UNIT_MATCHER_MUSIC_H

#include "matcher/audio.h"

/** Sound in memory for tests that measure it. Music comes from compose through
 *  ffmpeg (sound.h: the test's folder must be set up); everything else is made
 *  here. All are pcm_clear()ed by the caller. */

/** Samples of so many seconds. */
static inline size_t music_seconds(size_t seconds)
{
    return seconds * PCM_RATE_HZ;
}

/** A sound file of the folder as 11025 Hz, mid and side. */
struct pcm music_read(const char *name);
/** The same, of `seconds` of composed music. */
struct pcm music_compose(unsigned seed, unsigned seconds);
/** A copy of samples [start, start + count) of mid and side. */
struct pcm music_part(const struct pcm *music, size_t start, size_t count);
/** `count` samples of zeros, or of white noise (Gaussian, mean 0). */
struct pcm music_silence(size_t count);
struct pcm music_noise(size_t count, double deviation, uint64_t seed);

/** Root of the mean square of the mid. */
double music_rms(const struct pcm *music);
/** Adds a voice: a buzzing tone that glides, in syllables of a fifth of a
 *  second. `mid` and `side` are its RMS in either channel while it sounds.
 *  From sample mute_start on it is silent for mute_count samples. */
void music_sing(struct pcm *music, double mid, double side, size_t mute_start,
                size_t mute_count);
/** Multiplies mid and side. */
void music_gain(struct pcm *music, double factor);

#endif
