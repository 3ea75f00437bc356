/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_RESIDUAL_H
#define REFRAIN_MATCHER_RESIDUAL_H

#include "matcher/sketch.h"
#include "matcher/sound.h"

/** The second look: a query against the master's own samples. What of the query
 *  cannot be explained by the master, whatever was done to its dynamics: 0 dB
 *  nothing in common, -12 dB a good transcode. Slower than the sketch, which it
 *  follows where that doubts; it alone survives another mastering.
 *
 *  STFT of 512 samples every 256, 12 bands from 300 to 5000 Hz; per channel,
 *  band and window of .4 s R = 1 - |<x,y>|^2 / (|x|^2 |y|^2), the query turned
 *  by the timing and by the delay of up to 12 samples that is found in each
 *  10 s. Mid and side (where both sounds have one) weigh by their energy in the
 *  band, bands by energy^.3; in dB -40 at the least.
 *  Source of the constants: matcher/README.md, "Second look". */

/* Shares of the whole sound, 0 to 1; of both together 1 at the most. */
struct residual_window {
    float mid;
    float side; /* 0 where it was not compared */
};

struct residual {
    /* One a step of `step_samples` of the master from first_sample on, each of
     * the window_samples from there. Owned, window_count of them. */
    struct residual_window *windows;
    size_t window_count;
    uint64_t first_sample;
    uint32_t step_samples;
    uint32_t window_samples;
    /* Of mid and side together, dB. */
    double worst_db;
    size_t worst_window;
    double median_db;
};

/** Compares [start, end) of the master (samples; clamped to what both have).
 *  out  the caller's on STATUS_OK: residual_clear() it.
 *  STATUS_INVALID "no_overlap": under 10 s in common. */
MUST_USE enum status
residual_compare(struct residual *out, const struct sound *query,
                 const struct sound *master, const struct timing *timing,
                 uint64_t start, uint64_t end, struct error *err);
void residual_clear(struct residual *residual);

#endif
