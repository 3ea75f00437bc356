/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_SPECTRUM_H
#define REFRAIN_MATCHER_SPECTRUM_H

#include "matcher/sketch.h"
#include "matcher/sound.h"
#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Samples become spectra: what sketch, timing and residual have in common.
 *  Frames lie on a grid of any step, whole or not, so that one sound can be
 *  read by the clock of another. */

/* Levels are hundredths of a dB, in bands (sketch.h). 0 is the power of one
 * unit of a sample, 11 dB over the noise of 16 bits; it is added to all, so
 * that digital silence is 0 and nothing is less. */
enum {
    LEVEL_DB = 100,
    LEVEL_MAX = 12000, /* full scale: 113 dB */
};

/* Frame i begins at the sample nearest to first_sample + i x step_samples. */
struct frame_grid {
    double first_sample;
    double step_samples;
    size_t count;
};
int64_t frame_grid_start(const struct frame_grid *grid, size_t index);

/** Scratch memory for one frame at a time. Thread-safe: every call has its own;
 *  the plans behind it are made once and shared.
 *  STATUS_NO_MEMORY. */
struct spectrum;
MUST_USE enum status spectrum_open(struct spectrum **out, struct error *err);
/** NULL is fine. */
void spectrum_close(struct spectrum *spectrum);

/** Levels of the SKETCH_BANDS bands of a frame of SKETCH_WINDOW_SAMPLES. */
void spectrum_levels(struct spectrum *spectrum, const int16_t *samples,
                     int16_t *levels);

/** The levels of all frames of a grid, read from front to back.
 *  levels  grid->count of the first band, as many of the second, ...
 *  energy  sum of the squared samples between the frames' beginnings; may be
 *          NULL */
MUST_USE enum status spectrum_read_levels(int16_t *levels, double *energy,
                                          const struct sound *sound,
                                          enum pcm_channel channel,
                                          const struct frame_grid *grid,
                                          struct error *err);

/* Short frames, with phase: bins 14 to 232 of 21.5 Hz, 300 to 5000 Hz. */
enum {
    SHORT_WINDOW_SAMPLES = 512,
    SHORT_FIRST_BIN = 14,
    SHORT_BINS = 219,
};
/** The bins of a frame of SHORT_WINDOW_SAMPLES under a Hann window. */
void spectrum_short(struct spectrum *spectrum, const int16_t *samples,
                    float *real, float *imaginary);

#endif
