/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_SOUND_H
#define REFRAIN_MATCHER_SOUND_H

#include "matcher/audio.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where samples come from, for those who measure them and do not care: a
 *  decoder's process (decoder_sound()), or memory (sound_of_pcm()). 11025 Hz,
 *  16 bit, up to two channels: mid (what the fingerprint hears) and side, half
 *  of left less right.
 *
 *  A sound is borrowed from what is behind it and owns nothing. */

/* Samples of one read: 95 s, 2 MiB. */
enum { SOUND_READ_MAX = 1 << 20 };

struct sound {
    void *context;
    uint64_t sample_count; /* of each channel */
    bool has_side;         /* false: a mono file */
    /** Copies samples [start, start + count) of `channel` to `out`. They lie
     *  within the sound; count is 1 to SOUND_READ_MAX; the side of a mono file
     *  is never asked for. */
    enum status (*read)(void *context, enum pcm_channel channel, uint64_t start,
                        size_t count, int16_t *out, struct error *err);
};

/** Borrows `pcm`, which must outlive it. */
struct sound sound_of_pcm(const struct pcm *pcm);

/** Reads where the sound may not reach: samples before 0 and behind its end
 *  are 0. */
MUST_USE enum status sound_read(const struct sound *sound,
                                enum pcm_channel channel, int64_t start,
                                size_t count, int16_t *out, struct error *err);

/** Lends pieces of a channel that follow one another, and reads it in blocks
 *  behind them: 512 KiB, however long the sound. */
struct sound_reader {
    const struct sound *sound; /* borrowed */
    enum pcm_channel channel;
    int16_t *block; /* owned */
    int64_t block_start;
    size_t block_count;
};

/** STATUS_NO_MEMORY leaves it empty; sound_reader_close() it either way. */
MUST_USE enum status sound_reader_open(struct sound_reader *out,
                                       const struct sound *sound,
                                       enum pcm_channel channel,
                                       struct error *err);
void sound_reader_close(struct sound_reader *reader);
/** Points *samples at [start, start + count), count up to 65536, as
 *  sound_read() gives them; valid until the next call. A start before the last
 *  one is allowed, and slow. */
MUST_USE enum status sound_reader_at(struct sound_reader *reader, int64_t start,
                                     size_t count, const int16_t **samples,
                                     struct error *err);

#endif
