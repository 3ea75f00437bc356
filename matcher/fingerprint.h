/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_FINGERPRINT_H
#define REFRAIN_MATCHER_FINGERPRINT_H

#include "matcher/audio.h"
#include "matcher/buffer.h"
#include "matcher/status.h"

/** One item a hop: 1365 samples at 11025 Hz, about 0.1238 s (Chromaprint
 *  algorithm 1: frame 4096, overlap 2731). */
enum {
    FINGERPRINT_HOP_SAMPLES = 1365,
    /* An item needs 2.7 s of sound; under this there is no fingerprint. */
    FINGERPRINT_MIN_MS = 3000,
    /* Two hours of audio: the longest file that is matched. */
    FINGERPRINT_MAX_ITEMS = 58200,
    /* The item that digital silence gives (627964279). */
    FINGERPRINT_SILENCE = 0x256df977,
    /* Item i hears the 30031 samples from i hops on: 16 + 4 - 1 hops and one
     * frame of 4096. */
    FINGERPRINT_ITEM_SAMPLES = 30031,
    /* The hop in an item's middle, counted from its start: the one whose
     * loudness stands beside the item. */
    FINGERPRINT_CENTRE_HOPS = 11,
    /* Levels are steps of 2 dB; 45 is full scale, and a high-pass may swing to
     * twice that. */
    FINGERPRINT_LEVEL_DB = 2,
    FINGERPRINT_MAX_LEVEL = 49,
};

/** Acoustic fingerprints, as Chromaprint computes them: a row of 32-bit items,
 *  one per hop; alike when few bits differ. Beside each item, how loud the
 *  100-5000 Hz band is during its middle hop, in steps of 2 dB over digital
 *  silence: what is quiet on both sides says nothing. A stored print keeps that
 *  alone: LEVELS_QUIET_STEPS for a hop that sounds, 0 for one that is quiet.
 *  Source: CHROMAPRINT_ALGORITHM_DEFAULT, libchromaprint 1.5. */
struct fingerprint {
    uint32_t *items; /* owned, item_count of them */
    uint8_t *levels; /* owned, item_count of them */
    size_t item_count;
    /* Quiet (40 dB under the loud tenth) at both ends, to a hop: durations
     * are compared without it. */
    uint32_t head_quiet_ms;
    uint32_t tail_quiet_ms;
};

/** Computes the fingerprint of samples [start, start + count) of `audio`, so
 *  that a query can be fingerprinted again at the phase of a reference.
 *  out  the caller's on STATUS_OK: fingerprint_clear() it. Empty on error.
 *  STATUS_INVALID code "too_short": under FINGERPRINT_MIN_MS of samples.
 *  STATUS_NO_MEMORY: nothing was kept.
 *  Thread-safe: every call has its own Chromaprint context. */
MUST_USE enum status fingerprint_compute(struct fingerprint *out,
                                         const struct pcm *audio, size_t start,
                                         size_t count, struct error *err);
void fingerprint_clear(struct fingerprint *print);

/** Appends the stored form of `print` to `out`: see matcher/README.md for the
 *  byte layout (version byte, count, zstd of XOR deltas and levels). */
MUST_USE enum status fingerprint_pack(struct buffer *out,
                                      const struct fingerprint *print,
                                      struct error *err);
/** Reads a stored form. Bounded: at most FINGERPRINT_MAX_ITEMS items whatever
 *  the bytes say. STATUS_CORRUPT when they are not what fingerprint_pack
 *  writes. */
MUST_USE enum status fingerprint_unpack(struct fingerprint *out,
                                        const void *bytes, size_t length,
                                        struct error *err);

#endif
