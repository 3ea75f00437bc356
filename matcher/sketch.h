/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_SKETCH_H
#define REFRAIN_MATCHER_SKETCH_H

#include "matcher/buffer.h"
#include "matcher/sound.h"

/** A master's coarse picture in time and frequency, kept beside it: fine enough
 *  to show a quiet word that is missing, which Chromaprint's bits do not. It is
 *  a secret of the catalog: who has it could make a file that passes.
 *
 *  Frames of 1024 samples under a Hann window, one every 512 (21.5 a second);
 * 28 triangles on the mel scale from 50 to 5400 Hz, each of unit sum; levels in
 *  steps of 2 dB, 16 of them, from a base that is 22 dB under what a tenth of
 *  the band's frames exceed. 4 bits a cell: 18 kB a minute and channel.
 *  Source of the constants: matcher/README.md, "Sketch". */

enum {
    SKETCH_WINDOW_SAMPLES = 1024,
    SKETCH_HOP_SAMPLES = 512,
    SKETCH_BANDS = 28,
    SKETCH_FRAME_BYTES = SKETCH_BANDS / 2,
    SKETCH_STEP_DB = 2,
    SKETCH_LEVELS = 16,
    /* Two hours. */
    SKETCH_MAX_FRAMES = 155100,
};

struct sketch_channel {
    float base_db[SKETCH_BANDS];
    /* Band 2 k in the lower, 2 k + 1 in the upper half of byte k of a frame.
     * Owned, frame_count x SKETCH_FRAME_BYTES; NULL when there is none. */
    uint8_t *cells;
};
struct sketch {
    struct sketch_channel mid;
    struct sketch_channel side; /* cells NULL: a mono master */
    size_t frame_count;
    /* Side's energy over mid's, dB; meaningless without a side. */
    float side_db;
};

/** Draws the whole of `master`.
 *  out  the caller's on STATUS_OK: sketch_clear() it. Empty on error.
 *  STATUS_INVALID "too_short": not one frame; "too_long": over
 * SKETCH_MAX_FRAMES. Others are the sound's. */
MUST_USE enum status sketch_make(struct sketch *out, const struct sound *master,
                                 struct error *err);
void sketch_clear(struct sketch *sketch);
/** 0 to 15. */
static inline unsigned sketch_cell(const struct sketch_channel *channel,
                                   size_t frame, size_t band)
{
    unsigned both = channel->cells[frame * SKETCH_FRAME_BYTES + band / 2];

    return band % 2 == 0 ? both & 0xf : both >> 4;
}
/** Energy of the side over that of the mid, dB, to a hundredth. */
float sketch_side_db(double mid_energy, double side_energy);

/** Appends the stored form (matcher/README.md, "Stored sketch": magic, version,
 *  frame count, bases, cells, checksum). */
MUST_USE enum status
sketch_pack(struct buffer *out, const struct sketch *sketch, struct error *err);
/** STATUS_CORRUPT "sketch_corrupt": not what sketch_pack() writes, whatever the
 *  bytes. */
MUST_USE enum status sketch_unpack(struct sketch *out, const void *bytes,
                                   size_t length, struct error *err);

/** How a query's clock lies on a reference's: query sample =
 *  offset_samples + (1 + drift) x reference sample. */
struct timing {
    double offset_samples;
    double drift;
};

/** Finds it to a sample or two, from a guess within 288 samples: shifts of 32,
 *  loudest 10 s of the reference within [start, end) (reference samples),
 *  parabola. From 30 s on up to six places, and a drift when three of them lie
 *  on a line that moves the ends of the stretch by 12 samples: 36 ppm of
 *  30 s, 5 ppm of 4 min; less is noise. Drifts up to .1 % from guess->drift.
 *
 *  error_db  mean distance of the cells at the end, dB: .5 to 1 of a
 *            transcode, 3.7 and more of a different sound;
 *            over 1.5 at the first place, that is looked for as far as a drift
 *            of .1 % over the stretch could have carried it
 *  STATUS_INVALID "no_overlap": under 10 s. */
MUST_USE enum status timing_refine(struct timing *out, double *error_db,
                                   const struct sound *query,
                                   const struct sketch *reference,
                                   const struct timing *guess, uint64_t start,
                                   uint64_t end, struct error *err);

/** Query against sketch, frame by frame of the reference. */
struct sketch_channel_errors {
    /* dB, mean over bands 3-24 and the 11 frames (.5 s) around each frame of
     * |query - sketch|, after what changes slowly (5.3 s) is gone and the rest
     * was spread over three frames and two bands. Owned, frame_count of them;
     * NULL when the channel was not compared. */
    float *error_db;
    /* .2 of a good transcode's mid, up to .7 at 32 kbit/s. */
    float median_db;
    /* What is taken for the codec's noise: median_db, .2 dB at the least. */
    double noise_db;
    /* The largest over the noise: 1.5 for a good transcode, over 2 where a
     * coder saved or something else is heard (measured). A different sound
     * differs everywhere, and may score that: its median is 2.2 dB and more. */
    double score;
    size_t worst_frame; /* index in error_db */
};
struct sketch_errors {
    struct sketch_channel_errors mid;
    struct sketch_channel_errors side;
    size_t first_frame; /* of the reference: where the overlap begins */
    size_t frame_count;
    /* Loudness of the query less the reference's, dB, mean over the bands,
     * before anything slow is taken away, relative to its own median: a fade
     * that one side lacks shows here. Smoothed over 1 s. Owned. NAN where the
     * reference is at the bottom of its scale in most bands. */
    float *gain_db;
    /* From its 5th to its 95th percentile: how the loudness rides. Up to 1.4 of
     * a transcode (.8 from 96 kbit/s on), 1.7 and more where a compressor, a
     * limiter or a leveller was at work (measured). */
    float gain_spread_db;
};

/** Compares where both are: all frames of the reference whose samples lie in
 *  [start, end) of the query (what is silent at its ends was cut off, or never
 *  there). The side is compared when both have one and each is within 25 dB of
 *  its mid. Neither channel is compared deeper than 15 dB under the other,
 *  where coders put noise.
 *  out  the caller's on STATUS_OK: sketch_errors_clear() it.
 *  STATUS_INVALID "no_overlap": under 10 s in common. */
MUST_USE enum status sketch_compare(struct sketch_errors *out,
                                    const struct sound *query,
                                    const struct sketch *reference,
                                    const struct timing *timing, uint64_t start,
                                    uint64_t end, struct error *err);
void sketch_errors_clear(struct sketch_errors *errors);

#endif
